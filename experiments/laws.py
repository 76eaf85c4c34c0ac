"""The laws of a case: what must hold of its names, fixes, setups and evidence.

Room 1: standard library only; checked when a `Case` is built.
"""

import inspect
import re

from experiments.errors import CaseError, shown

READINGS = ("value", "argmax", "sign", "threshold 0.5")
LENGTH_FIELDS = ("steps", "epochs", "calls")
PROVENANCE = ("quoted", "inferred", "ours")
WORDS = ("lattice", "rivals", "all")
TRAINERS = ("engine", "reference", "numpy")
# Beyond it not every whole number is a float, and tables hold floats.
MOST_STEPS = 2**53
RESERVED = ("broken", "fixed", *WORDS)
# The functions of a case, and what each is given.
TAKES = {
    "data": ("setup", "rng", "size"),
    "model": ("setup",),
    "inputs": ("setup", "x", "sample"),
    "by_hand": ("setup", "weights"),
    "target": ("x",),
}


def check(case, is_regression):
    """Makes sure that a case keeps every law.

    Args:
        case: The `Case`.
        is_regression: Whether its task is one; else it tells two classes apart.

    Raises:
        CaseError: It does not; the text says which.
    """
    _check_functions(case)
    _check_names(case)
    _check_fixes(case)
    for name in (*case.fixes, *case.rivals, "fixed"):
        _check_setup(name, case.arm(name))
    _check_setup("broken", case.broken)
    _check_task(case, is_regression)
    case.arm(case.reference_arm)
    if case.block_width is not None and case.block_width < 2:
        raise CaseError(f"block_width must be None or at least 2. Received: {case.block_width}")
    _check_provenance(case)
    _check_evidence(case)
    _check_races(case, is_regression)


def _check_task(case, is_regression):
    reads = getattr(case.broken, "read", "value") != "value"
    if reads == is_regression:
        raise CaseError(
            f"A Classification has a field 'read' other than 'value', a "
            f"Regression none. Received: {case.task}"
        )


def _check_provenance(case):
    for field, told in case.provenance.items():
        if field not in vars(case.broken) or len(told) != 2 or told[0] not in PROVENANCE:
            raise CaseError(
                f"Provenance needs a field of the setup and one of {PROVENANCE}, with a note. "
                f"Received: {field}: {told}"
            )


def _check_evidence(case):
    """Makes sure that claims, certificates, studies and periods name what exists."""
    studies = {study.name: study for study in case.studies}
    for item in (*case.claims, *case.certificates, *case.silently):
        for name in item.arms:
            study, found, cell = name.partition(":")
            if not found or study in TRAINERS:
                case.arm(cell or study)
            elif study not in studies or not _is_cell(studies[study], cell):
                raise CaseError(
                    f"{case.name}: a claim names no cell of its studies "
                    f"{list(studies)}. Received: {name}"
                )
    for study in case.studies:
        for axis in study.axes.values():
            for changes in axis.values():
                case.arm(study.start).replace(**changes)
    for period in case.periods:
        case.arm(period.arm)
    strange = set(case.faults) - set(case.fixes)
    if strange:
        raise CaseError(f"Faults are classed by fix. Received: {sorted(strange)}")


def _check_races(case, is_regression):
    """Makes sure that races name arms, have names of their own, and belong to a regression."""
    names = [race.name for race in case.races]
    if len(set(names)) < len(names):
        raise CaseError(f"Every race has a name of its own. Received: {names}")
    if names and not is_regression:
        raise CaseError(f"Only a Regression has races. Received: {case.task}")
    for race in case.races:
        for arm in (race.start, *race.ends):
            case.arm(arm)


def _is_cell(study, cell):
    labels = cell.split("/")
    return len(labels) == len(study.axes) and all(
        label == "*" or label in axis
        for label, axis in zip(labels, study.axes.values(), strict=True)
    )


def _check_functions(case):
    """Makes sure that each function takes what it will be given."""
    functions = {name: getattr(case, name) for name in TAKES if name != "target"}
    for name, function in (functions | {"target": case.task.target}).items():
        try:
            if function is not None:
                inspect.signature(function).bind(*TAKES[name])
        except TypeError:
            raise CaseError(
                f"{name} is a function of ({', '.join(TAKES[name])}). Received: "
                f"{shown(function)}, of {inspect.signature(function)}"
            ) from None
        except ValueError:
            # A function of C may not say what it takes.
            continue


def _check_names(case):
    for name in (case.name, *case.fixes, *case.rivals):
        if not re.fullmatch(r"[A-Za-z0-9_.]{1,100}", name) or name in RESERVED:
            raise CaseError(
                "Names hold letters, digits, '_' and '.', at most 100, and an arm of yours is "
                f"not called broken or fixed, nor {', '.join(WORDS)}. "
                f"Received: {shown(name)}"
            )
    if "." in case.name:
        raise CaseError(f"A case's name holds no dot. Received: {case.name!r}")
    for name in case.rivals:
        start = [name]
        while start[-1] in case.rivals:
            start.append(case.rivals[start[-1]].start)
            if start[-1] == name or len(start) > len(case.rivals) + 1:
                raise CaseError(f"Rivals start from each other. Received: {start}")
    both = set(case.fixes) & set(case.rivals)
    if both:
        raise CaseError(f"A fix and a rival share a name. Received: {sorted(both)}")


def _check_fixes(case):
    touched = {}
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


def _check_setup(name, setup):
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
