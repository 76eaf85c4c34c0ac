"""Serializes the manifest of a grid: environments, training times and digests of the lines.

The new digest of the lines is written beside the old one before the lines are replaced. After
an interruption one of the two matches.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from experiments.runs import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

FORMAT = 2
# The first format had exactly these fields, and no digests.
FIRST_FORMAT, FIRST_FACTS = 1, {"format", "case", "study", "command", "environments", "seconds"}


def text(manifest: Mapping[str, Any], digests: Sequence[str | None]) -> str:
    """Returns a manifest as text, with the digests that its lines may have and a checksum."""
    facts = {name: value for name, value in manifest.items() if name != "check"}
    facts |= {"format": FORMAT, "digests": digests}
    return json.dumps(facts | {"check": _checksum(facts)}, indent=1) + "\n"


def read(data: bytes) -> dict[str, Any]:
    """Parses the bytes of a manifest file.

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


def fits(manifest: Mapping[str, Any], lines: bytes | None) -> bool:
    """Whether lines, as bytes or `None`, have one of the manifest's digests."""
    digests = manifest.get("digests")
    return digests is None or (None if lines is None else files.digest(lines)) in digests


def _checksum(facts):
    return files.digest(json.dumps(facts, sort_keys=True))
