"""The evidence of a case: all that is asked about it, found by the case's name.

Standard library only. Variants and weights set by hand become part of the case
before any key is computed; nothing else of it ever reaches training.
"""

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pathlib
import sys
import weakref
from collections.abc import Callable, Mapping

from experiments.cases import validation
from experiments.cases.case import Regression
from experiments.cases.claims import Claim, Grid, Historical, Intervention, Race, Undocumented
from experiments.cases.errors import CaseError, Checked, shown
from experiments.cases.setups import Fix

FOLDER = "evidence"
NAME = "EVIDENCE"


@dataclasses.dataclass(frozen=True)
class Recorded(Checked):
    """One line of what `record` keeps under version control.

    Args:
        arms: Arm names or the words `combinations`, `variants`, `all`, joined by commas.
        num_seeds: Seeds 0 to num_seeds - 1.
        steps: If given, longer arms are cut to this many updates, and say so.
        without: Fixes left out of the combinations.
    """

    arms: str
    num_seeds: int
    steps: int | None = None
    without: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        if self.num_seeds < 1 or (self.steps is not None and self.steps < 1):
            raise CaseError(
                "What is recorded has at least one seed and one update. Received: "
                f"num_seeds={self.num_seeds}, steps={self.steps}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence(Checked):
    """Everything that is asked about a case.

    Args:
        variants: Name to `variant(...)`: arms beside those of the case.
        by_hand: The case's `by_hand`, if its file does not give it.
        recorded: What `record` trains.
        reference_arm: The arm whose reference rows `record` keeps.
        numpy: What `record --trainer numpy` trains, if anything.
        provenance: Field to (quoted | inferred | ours, note).
        deviations: What differs from the thread, in order.
        claims: What the thread says, each a `claim(...)` tied to arms.
        interventions: Causes, each an `intervention(...)` that touches nothing else.
        grids: Crossings of options, each a `Grid`.
        history: Arms held against the software of the time, each a `Historical`.
        faults: Fix to the class of the fault it mends, in the taxonomy of Humbatova
            et al. (2020).
        undocumented: What today's Keras does without saying so, each an `Undocumented`
            with a script below `results/silently`.
        races: Optimizers on a plane through weight space, each a `Race`; of a regression.
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


_FOUND = weakref.WeakKeyDictionary()


def find_evidence(case):
    """Returns the `Evidence` of a case.

    It is what the case's own module calls `EVIDENCE`, or what the file
    `evidence/<name of the case>.py` beside it does; otherwise it is empty.

    Args:
        case: The `Case`, merged or not.

    Raises:
        CaseError: It names what the case does not have, or the file has no `EVIDENCE`.
    """
    if case not in _FOUND:
        evidence = _declared(case)
        variants = {**case.variants, **evidence.variants}
        _check(evidence, dataclasses.replace(case, variants=variants))
        _FOUND[case] = evidence
    return _FOUND[case]


def with_evidence(case, evidence=None):
    """Returns a case with the variants and the `by_hand` of its evidence.

    Args:
        case: The `Case`; one that is merged already stays as it is.
        evidence: The `Evidence`; what `find_evidence` returns if `None`.

    Raises:
        CaseError: See `find_evidence`; or both define the same variant or `by_hand`, differently.
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


def _check(evidence, case):
    validation.check_evidence(evidence, case, isinstance(case.task, Regression))


def _declared(case):
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


def _module(name, package, path):
    """Imports an evidence file: of a package by its name, otherwise by its path."""
    if package:
        return importlib.import_module(f"{package}.{FOLDER}.{name}")
    # Processes find it by this name in the folder of the script, which is on their path.
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
