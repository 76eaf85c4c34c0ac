"""The cases: one file each; `evidence/` holds their claims and variants.

Every file here with a `CASE` is listed; there is no registry. A case imports the library and
never another case.
"""

import functools
import importlib
import pathlib

from experiments.cases.errors import SuiteError, nearest
from experiments.cases.evidence import with_evidence


def names():
    """Returns the names of all cases, in alphabetical order."""
    files = pathlib.Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in files if not path.stem.startswith("_"))


@functools.cache
def load(name):
    """Returns the `Case` of one file, with what its evidence adds.

    Raises:
        SuiteError: There is no such case.
    """
    if name not in names():
        raise SuiteError(
            f"There is no case '{name}'; expected one of {', '.join(names())}, as "
            f"listed by: python -m reproductions.{nearest(name, names())}"
        )
    return with_evidence(importlib.import_module(f"reproductions.{name}").CASE)
