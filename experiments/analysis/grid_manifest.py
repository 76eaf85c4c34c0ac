"""The manifest of a study: what its lines were made on, and what both files must hold.

Text in, text out. The digest of the lines stands here before they are replaced, the
old one beside the new, so that whatever instant a run ends at, one of them fits.
"""

import json

from experiments.runs import files

FORMAT = 2
# What stood there before there were digests; nothing else did.
FIRST_FORMAT, FIRST_FACTS = 1, {"format", "case", "study", "command", "environments", "seconds"}


def text(manifest, digests):
    """Returns a manifest's text, with the digests its lines may have and a checksum."""
    facts = {name: value for name, value in manifest.items() if name != "check"}
    facts |= {"format": FORMAT, "digests": digests}
    return json.dumps(facts | {"check": _checksum(facts)}, indent=1) + "\n"


def read(data):
    """Returns the manifest that a file's bytes hold.

    Raises:
        ValueError: It is damaged.
    """
    try:
        manifest = json.loads(data.decode())
        facts = {name: value for name, value in manifest.items() if name != "check"}
        is_first = manifest["format"] == FIRST_FORMAT and set(manifest) == FIRST_FACTS
        if not is_first and (manifest["format"], manifest["check"]) != (FORMAT, _checksum(facts)):
            raise ValueError("its checksum does not fit")
        held = manifest["case"], manifest["study"], manifest["environments"], manifest["seconds"]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if tuple(map(type, held)) != (str, str, list, dict):
        raise ValueError(f"its facts are {held}")
    return manifest


def fits(manifest, lines):
    """Returns whether lines, as bytes or `None`, are as they were written."""
    digests = manifest.get("digests")
    return digests is None or (None if lines is None else files.digest(lines)) in digests


def _checksum(facts):
    return files.digest(json.dumps(facts, sort_keys=True))
