"""The manifest of a folder: its owner, the environments of its rows, digests of its tables.

Before a table is replaced, the manifest holds the digests of the old and of the new table.
After an interruption one of the two matches the file.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from experiments.runs import files

FORMAT = 2
FORMATS = (1, FORMAT)
NAME = "manifest.json"
STOPPING_RULE = "a number of seeds fixed beforehand"


def new(case_name: str, trainer: str) -> dict[str, Any]:
    """Returns the manifest of an empty folder."""
    return {
        "format": FORMAT,
        "case": case_name,
        "trainer": trainer,
        "stopping_rule": STOPPING_RULE,
        "environments": [],
        "files": {},
    }


def text(manifest: Mapping[str, Any]) -> str:
    """Returns a manifest as JSON, with its checksum as the last item."""
    facts = {name: value for name, value in manifest.items() if name != "check"}
    facts |= {"format": FORMAT, "files": dict(sorted(manifest["files"].items()))}
    return json.dumps(facts | {"check": checksum(facts)}, indent=1) + "\n"


def checksum(manifest: Mapping[str, Any]) -> str:
    """Returns the digest of a manifest without its checksum."""
    facts = {name: value for name, value in manifest.items() if name != "check"}
    return files.digest(json.dumps(facts, sort_keys=True))


def read(data: bytes) -> dict[str, Any]:
    """Returns the manifest of a file's bytes, of any format.

    Raises:
        ValueError: The manifest is damaged.
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


def owner(manifest: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Returns the format, case and trainer of a manifest."""
    return manifest["format"], manifest["case"], manifest["trainer"]


def _check(manifest: Mapping[str, Any]) -> None:
    """Checks that a manifest is as it was written."""
    if manifest["format"] == FORMAT and manifest["check"] != checksum(manifest):
        raise ValueError("its checksum does not fit")
    if not all(isinstance(made, dict) for made in manifest["environments"]):
        raise ValueError("environments")
    if not isinstance(manifest["stopping_rule"], str):
        raise ValueError("stopping_rule")
    # Widths of interrupted runs, see `Store.remember`.
    if not all(type(width) is int and width > 0 for width in manifest.get("widths", {}).values()):
        raise ValueError("widths")


def agrees(data: bytes | None, manifest: Mapping[str, Any]) -> bool:
    """Returns whether a file's bytes, or `None`, hold the facts of a manifest.

    Digests, checksum and format are ignored, so that a file of an older format may stay.
    """
    with contextlib.suppress(ValueError, TypeError):
        return _facts(read(data or b"")) == _facts(json.loads(text(manifest)))
    return False


def _facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in manifest.items() if k not in ("format", "files", "check")}


def fits(manifest: Mapping[str, Any], name: str, data: bytes | None) -> bool:
    """Returns whether a file is as it was written.

    Args:
        manifest: The manifest.
        name: Name of the file in the folder.
        data: The file's bytes, or `None` if it does not exist.
    """
    expected = manifest["files"].get(name)
    if expected is None:
        return True
    if data is None:
        return None in expected
    return files.digest(data) in expected
