"""Validation of a case and of its evidence: names, functions, fixes, setups and claims.

A `Case` is checked when it is built, its evidence when it is found.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from experiments.cases.errors import CaseError, shown

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.claims import Grid
    from experiments.cases.evidence import Evidence
    from experiments.cases.setups import Setup

READINGS = ("value", "argmax", "sign", "threshold 0.5")
LENGTH_FIELDS = ("steps", "epochs", "calls")
PROVENANCE = ("quoted", "inferred", "ours")
WORDS = ("combinations", "variants", "all")
# Earlier names of these words, still accepted.
ALIASES = {"lattice": "combinations", "rivals": "variants"}
TRAINERS = ("engine", "reference", "numpy")
# Beyond this not every integer is a float, and tables hold floats.
MOST_STEPS = 2**53
RESERVED = ("broken", "fixed", *WORDS, *ALIASES)
# The functions of a case, and the arguments of each.
TAKES = {
    "data": ("setup", "rng", "size"),
    "model": ("setup",),
    "inputs": ("setup", "x", "sample"),
    "by_hand": ("setup", "weights"),
    "target": ("x",),
}


def check(case: Case, is_regression: bool) -> None:
    """Checks that a case keeps every rule.

    Args:
        case: The `Case`.
        is_regression: Whether its task is a `Regression`; otherwise a `Classification`.

    Raises:
        CaseError: The case breaks a rule; the message names it.
    """
    _check_functions(case)
    _check_names(case)
    _check_fixes(case)
    for name in (*case.fixes, *case.variants, "fixed"):
        _check_setup(name, case.arm(name))
    _check_setup("broken", case.broken)
    _check_task(case, is_regression)
    if case.block_width is not None and case.block_width < 2:
        raise CaseError(f"block_width must be None or at least 2. Received: {case.block_width}")


def check_evidence(evidence: Evidence, case: Case, is_regression: bool) -> None:
    """Checks that evidence names arms, fixes and fields that its case has.

    Args:
        evidence: The `Evidence`.
        case: The `Case`, with the variants of its evidence.
        is_regression: Whether its task is a `Regression`.

    Raises:
        CaseError: The evidence breaks a rule; the message names it.
        SuiteError: The evidence names an arm that does not exist.
    """
    case.arm(evidence.reference_arm)
    _check_provenance(evidence, case)
    _check_claims(evidence, case)
    _check_races(evidence, case, is_regression)


def _check_task(case: Case, is_regression: bool) -> None:
    reads = getattr(case.broken, "read", "value") != "value"
    if reads == is_regression:
        raise CaseError(
            f"A Classification has a field 'read' other than 'value', a "
            f"Regression none. Received: {case.task}"
        )


def _check_provenance(evidence: Evidence, case: Case) -> None:
    for field, entry in evidence.provenance.items():
        if field not in vars(case.broken) or len(entry) != 2 or entry[0] not in PROVENANCE:
            raise CaseError(
                f"Provenance needs a field of the setup and one of {PROVENANCE}, with a note. "
                f"Received: {field}: {entry}"
            )


def _check_claims(evidence: Evidence, case: Case) -> None:
    """Checks that claims, interventions, grids and history name arms and fields that exist."""
    grids = {grid.name: grid for grid in evidence.grids}
    for item in (*evidence.claims, *evidence.interventions, *evidence.undocumented):
        for name in item.arms:
            grid, found, configuration = name.partition(":")
            if not found or grid in TRAINERS:
                case.arm(configuration or grid)
            elif grid not in grids or not _is_configuration(grids[grid], configuration):
                raise CaseError(
                    f"{case.name}: a claim names no cell of its grids "
                    f"{list(grids)}. Received: {name}"
                )
    for grid in evidence.grids:
        for axis in grid.axes.values():
            for changes in axis.values():
                case.arm(grid.start).replace(**changes)
    for item in evidence.history:
        case.arm(item.arm)
    strange = set(evidence.faults) - set(case.fixes)
    if strange:
        raise CaseError(f"Faults are classed by fix. Received: {sorted(strange)}")


def _check_races(evidence: Evidence, case: Case, is_regression: bool) -> None:
    """Checks that races name arms, have unique names, and belong to a regression."""
    names = [race.name for race in evidence.races]
    if len(set(names)) < len(names):
        raise CaseError(f"Every race has a name of its own. Received: {names}")
    if names and not is_regression:
        raise CaseError(f"Only a Regression has races. Received: {case.task}")
    for race in evidence.races:
        for arm in (race.start, *race.ends):
            case.arm(arm)


def _is_configuration(grid: Grid, configuration: str) -> bool:
    labels = configuration.split("/")
    return len(labels) == len(grid.axes) and all(
        label == "*" or label in axis
        for label, axis in zip(labels, grid.axes.values(), strict=True)
    )


def _check_functions(case: Case) -> None:
    """Checks that each function accepts its arguments."""
    functions: dict[str, Any] = {name: getattr(case, name) for name in TAKES if name != "target"}
    for name, function in (functions | {"target": case.task.target}).items():
        if function is None:
            continue
        try:
            inspect.signature(function).bind(*TAKES[name])
        except TypeError:
            raise CaseError(
                f"{name} is a function of ({', '.join(TAKES[name])}). Received: "
                f"{shown(function)}, of {inspect.signature(function)}"
            ) from None
        except ValueError:
            # A function written in C may have no signature.
            continue


def _check_names(case: Case) -> None:
    for name in (case.name, *case.fixes, *case.variants):
        if not re.fullmatch(r"[A-Za-z0-9_.]{1,100}", name) or name in RESERVED:
            raise CaseError(
                "Names hold letters, digits, '_' and '.', at most 100, and an arm of yours is "
                f"not called broken or fixed, nor {', '.join((*WORDS, *ALIASES))}. "
                f"Received: {shown(name)}"
            )
    if "." in case.name:
        raise CaseError(f"A case's name holds no dot. Received: {case.name!r}")
    for name in case.variants:
        start = [name]
        while start[-1] in case.variants:
            start.append(case.variants[start[-1]].start)
            if start[-1] == name or len(start) > len(case.variants) + 1:
                raise CaseError(f"Variants start from each other. Received: {start}")
    both = set(case.fixes) & set(case.variants)
    if both:
        raise CaseError(f"A fix and a variant share a name. Received: {sorted(both)}")


def _check_fixes(case: Case) -> None:
    touched: dict[str, str] = {}
    for name, chosen in case.fixes.items():
        if not chosen.changes:
            raise CaseError(f"Every fix changes something. Received: '{name}'")
        for field, value in chosen.changes.items():
            if field in touched:
                raise CaseError(
                    f"Fixes touch disjoint fields. Received: '{field}' in "
                    f"'{touched[field]}' and in '{name}'"
                )
            touched[field] = name
            if getattr(case.broken.replace(**{field: value}), field) == getattr(case.broken, field):
                raise CaseError(
                    f"Every field of a fix changes something. Received: "
                    f"'{name}' sets {field}={value!r}, which broken has too"
                )
    if not touched:
        raise CaseError("A case has at least one fix. Received: none")


def _check_setup(name: str, setup: Setup) -> None:
    kinds = [hasattr(setup, "steps"), hasattr(setup, "epochs")]
    if sum(kinds) != 1:
        raise CaseError(
            f"A setup has exactly one of the fields steps and epochs. Received "
            f"in arm '{name}': {setup}"
        )
    needed = ["batch_size"] + ["num_samples"] * hasattr(setup, "epochs")
    for field in (*needed, *(f for f in LENGTH_FIELDS if hasattr(setup, f))):
        value = getattr(setup, field, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise CaseError(
                f"Field '{field}' must be a whole number of at least 1. Received "
                f"in arm '{name}': {value!r}"
            )
    split = getattr(setup, "validation_split", 0.0)
    if not isinstance(split, (int, float)) or not 0 <= split < 1:
        raise CaseError(
            f"Field 'validation_split' must be at least 0 and below 1. Received in "
            f"arm '{name}': {split!r}"
        )
    if not setup.is_stream and setup.num_training_samples < 1:
        raise CaseError(
            f"A setup trains on at least one sample. Received in arm '{name}': "
            f"validation_split={split!r} of {setup.num_samples} samples"
        )
    if setup.num_steps > MOST_STEPS:
        raise CaseError(
            f"A setup makes at most {MOST_STEPS:,} updates. Received in arm '{name}': "
            f"{setup.num_steps:,}"
        )
    if getattr(setup, "read", "value") not in READINGS:
        raise CaseError(
            f"Field 'read' must be one of {READINGS}. Received in arm '{name}': {setup.read!r}"
        )
