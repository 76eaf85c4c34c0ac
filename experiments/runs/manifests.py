"""The manifest: whose a folder is, what its rows were made on, and what its tables hold.

Text in, text out. A table's digests stand here before the table is replaced, the
old one beside the new, so that whatever instant a run ends at, one of them fits.
"""

import contextlib
import json

from experiments.runs import files

FORMAT = 2
FORMATS = (1, FORMAT)
NAME = "manifest.json"
STOPPING_RULE = "a number of seeds fixed beforehand"


def new(case_name, trainer):
    """Returns the manifest of an empty folder."""
    return {
        "format": FORMAT,
        "case": case_name,
        "trainer": trainer,
        "stopping_rule": STOPPING_RULE,
        "environments": [],
        "files": {},
    }


def text(manifest):
    """Returns a manifest's text, its checksum put in last."""
    facts = {name: value for name, value in manifest.items() if name != "check"}
    facts |= {"format": FORMAT, "files": dict(sorted(manifest["files"].items()))}
    return json.dumps(facts | {"check": checksum(facts)}, indent=1) + "\n"


def checksum(manifest):
    """Returns the digest of all that a manifest says, but for the digest itself."""
    facts = {name: value for name, value in manifest.items() if name != "check"}
    return files.digest(json.dumps(facts, sort_keys=True))


def read(data):
    """Returns the manifest that a file's bytes hold, of whatever format.

    Raises:
        ValueError: It is damaged.
    """
    try:
        manifest = json.loads(data.decode())
        owner(manifest)
        if manifest["format"] in FORMATS:
            _check(manifest)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    # Format 1 had neither digests nor a checksum; the next write adds them.
    return manifest | {"files": manifest.get("files", {})}


def owner(manifest):
    """Returns the format, case and trainer of a manifest."""
    return manifest["format"], manifest["case"], manifest["trainer"]


def _check(manifest):
    """Makes sure that a manifest is what was written."""
    if manifest["format"] == FORMAT and manifest["check"] != checksum(manifest):
        raise ValueError("its checksum does not fit")
    if not all(isinstance(made, dict) for made in manifest["environments"]):
        raise ValueError("environments")
    if not isinstance(manifest["stopping_rule"], str):
        raise ValueError("stopping_rule")
    # How runs were cut that were stopped, see `Store.remember`.
    if not all(type(width) is int and width > 0 for width in manifest.get("widths", {}).values()):
        raise ValueError("widths")


def agrees(data, manifest):
    """Returns whether a file's bytes, or `None`, say what a manifest says, digests left aside.

    What a format adds of its own is left aside too, so that an older one may stand.
    """
    with contextlib.suppress(ValueError, TypeError):
        return _facts(read(data or b"")) == _facts(json.loads(text(manifest)))
    return False


def _facts(manifest):
    return {k: v for k, v in manifest.items() if k not in ("format", "files", "check")}


def fits(manifest, name, data):
    """Returns whether a file is as it was written.

    Args:
        manifest: The manifest.
        name: Name of the file in the folder.
        data: Its bytes, or `None` if it is not there.
    """
    expected = manifest["files"].get(name)
    if expected is None:
        return True
    if data is None:
        return None in expected
    return files.digest(data) in expected
