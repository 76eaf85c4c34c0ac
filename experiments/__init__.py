"""Documented neural-network failures as paired experiments over seeds.

Everything that a case and its evidence need can be imported from here. TensorFlow and Keras
are not imported until a run needs them.
"""

import importlib
from typing import Any

from experiments.cases.case import Case, Classification, Regression, Solved
from experiments.cases.claims import (
    Alike,
    Equal,
    Fact,
    Fails,
    Few,
    Grid,
    Harms,
    Helps,
    Historical,
    Less,
    Median,
    Most,
    NotWorse,
    Race,
    Solves,
    Some,
    Tracks,
    Undocumented,
    claim,
    intervention,
)
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import Evidence, Recorded
from experiments.cases.setups import Fix, Setup, fix, rival, variant
from experiments.training import keras1 as era

__all__ = [
    "Alike",
    "Case",
    "Classification",
    "Equal",
    "Evidence",
    "Fact",
    "Fails",
    "Few",
    "Fix",
    "Grid",
    "Harms",
    "Helps",
    "Historical",
    "Less",
    "Median",
    "Most",
    "NotWorse",
    "Race",
    "Recorded",
    "Regression",
    "Setup",
    "Solved",
    "Solves",
    "Some",
    "SuiteError",
    "Tracks",
    "Undocumented",
    "claim",
    "era",
    "fix",
    "intervention",
    "main",  # pyright: ignore[reportUnsupportedDunderAll] (`__getattr__` imports it)
    "rival",
    "variant",
]


def __getattr__(name: str) -> Any:
    # The command line is not part of a case, and takes longer to import.
    if name == "main":
        return importlib.import_module("experiments.cli.app").main
    raise AttributeError(f"module 'experiments' has no attribute '{name}'")
