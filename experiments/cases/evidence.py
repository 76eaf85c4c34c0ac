"""The evidence of a case: variants, recorded runs, claims and grids, found by its name.

`variants` and `by_hand` become part of the case before any row key is computed. The other
fields never reach training.
"""

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pathlib
import sys
import types
import weakref
from collections.abc import Callable, Mapping

from experiments.cases import validation
from experiments.cases.case import Case, Regression
from experiments.cases.claims import Claim, Grid, Historical, Intervention, Race, Undocumented
from experiments.cases.errors import CaseError, Checked, shown
from experiments.cases.setups import Fix

FOLDER = "evidence"
NAME = "EVIDENCE"


@dataclasses.dataclass(frozen=True)
class Recorded(Checked):
    """Runs that `record` keeps under version control.

    Args:
        arms: Arm names or the words `combinations`, `variants`, `all`, joined by commas.
        num_seeds: Seeds 0 to num_seeds - 1.
        steps: If given, longer arms are cut to this many updates and marked as cut.
        without: Fixes left out of the combinations.
    """

    arms: str
    num_seeds: int
    steps: int | None = None
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_seeds < 1 or (self.steps is not None and self.steps < 1):
            raise CaseError(
                "What is recorded has at least one seed and one update. Received: "
                f"num_seeds={self.num_seeds}, steps={self.steps}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence(Checked):
    """Variants, recorded runs, claims and comparisons of a case.

    Args:
        variants: Name to `variant(...)`: further arms of the case.
        by_hand: The case's `by_hand`, if its script does not define it.
        recorded: The runs that `record` trains.
        reference_arm: The arm whose rows of plain Keras `record` keeps.
        numpy: The runs that `record --trainer numpy` trains, if any.
        provenance: Field to (quoted | inferred | ours, note).
        deviations: Differences from the thread, in order.
        claims: Statements of the thread, each a `claim(...)`.
        interventions: Causes of failures, each an `intervention(...)`.
        grids: Crossings of options, each a `Grid`.
        history: Comparisons with the original software, each a `Historical`.
        faults: Fix to the class of the fault that it corrects, in the taxonomy of Humbatova
            et al. (2020).
        undocumented: Undocumented behaviour of the current Keras, each an `Undocumented`
            with a script below `results/silently`.
        races: Optimizers on a plane through weight space, each a `Race`; only a
            `Regression` has them.
    """

    variants: Mapping[str, Fix] = dataclasses.field(default_factory=dict)
    by_hand: Callable | None = None
    recorded: tuple[Recorded, ...] = (Recorded("all", 1000),)
    reference_arm: str = "fixed"
    numpy: Recorded | None = None
    provenance: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    grids: tuple[Grid, ...] = ()
    history: tuple[Historical, ...] = ()
    faults: Mapping[str, str] = dataclasses.field(default_factory=dict)
    undocumented: tuple[Undocumented, ...] = ()
    races: tuple[Race, ...] = ()


_FOUND: weakref.WeakKeyDictionary[Case, Evidence] = weakref.WeakKeyDictionary()


def find_evidence(case: Case) -> Evidence:
    """Returns the `Evidence` of a case.

    It is the variable `EVIDENCE` of the case's module, or of the file
    `evidence/<name of the case>.py` beside that module; otherwise it is empty.

    Args:
        case: The `Case`, with or without the variants of its evidence.

    Raises:
        CaseError: The evidence names arms or fields that the case does not have, or the
            file has no `EVIDENCE`.
    """
    if case not in _FOUND:
        evidence = _declared(case)
        variants = {**case.variants, **evidence.variants}
        _check(evidence, dataclasses.replace(case, variants=variants))
        _FOUND[case] = evidence
    return _FOUND[case]


def with_evidence(case: Case, evidence: Evidence | None = None) -> Case:
    """Returns a case with the variants and the `by_hand` of its evidence.

    Args:
        case: The `Case`; one that has them already stays equal.
        evidence: The `Evidence`; what `find_evidence` returns if `None`.

    Raises:
        CaseError: See `find_evidence`; or case and evidence define the same variant, or
            `by_hand`, differently.
    """
    evidence = _declared(case) if evidence is None else evidence
    twice = [
        n
        for n in evidence.variants
        if case.variants.get(n, evidence.variants[n]) != evidence.variants[n]
    ]
    if twice or (case.by_hand and evidence.by_hand and case.by_hand is not evidence.by_hand):
        raise CaseError(
            f"{case.name}: a variant, and by_hand, stand in the case or in its evidence. "
            f"Received: {twice or 'by_hand'} in both"
        )
    variants = {**case.variants, **evidence.variants}
    by_hand = case.by_hand or evidence.by_hand
    found = dataclasses.replace(case, variants=variants, by_hand=by_hand)
    _check(evidence, found)
    _FOUND[found] = evidence
    return found


def _check(evidence: Evidence, case: Case) -> None:
    validation.check_evidence(evidence, case, isinstance(case.task, Regression))


def _declared(case: Case) -> Evidence:
    model = case.model
    while isinstance(model, functools.partial):
        model = model.func
    names = getattr(inspect.unwrap(model), "__globals__", {})
    path = pathlib.Path(names.get("__file__") or "").absolute().parent / FOLDER / f"{case.name}.py"
    if NAME not in names:
        if not path.is_file():
            return Evidence()
        names = vars(_module(case.name, names.get("__package__"), path))
    evidence = names.get(NAME)
    if not isinstance(evidence, Evidence):
        raise CaseError(f"{case.name}: {NAME} must be an Evidence. Received: {shown(evidence)}")
    return evidence


def _module(name: str, package: str | None, path: pathlib.Path) -> types.ModuleType:
    """Imports an evidence file: by its name if it is in a package, otherwise by its path."""
    if package:
        return importlib.import_module(f"{package}.{FOLDER}.{name}")
    # Worker processes import it by this name: the folder of the script is on their path.
    full = f"{FOLDER}.{name}"
    module = sys.modules.get(full)
    if module is None or pathlib.Path(module.__file__ or "") != path:
        spec = importlib.util.spec_from_file_location(full, path)
        assert spec is not None and spec.loader is not None
        module = sys.modules[full] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[full]
            raise
    return module
