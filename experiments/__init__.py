"""The library: documented neural-network failures as paired, seeded experiments.

What a case and its evidence need is importable from here; nothing here imports
TensorFlow, Keras or NumPy until a run asks for it.
"""

import importlib

from experiments.cases.case import (
    Case,
    Classification,
    Fix,
    Regression,
    Setup,
    Solved,
    SuiteError,
    fix,
    rival,
    variant,
)
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
from experiments.cases.evidence import Evidence, Recorded
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
    "main",
    "rival",
    "variant",
]


def __getattr__(name):
    # The command line is no part of what a case is, and takes longer to import.
    if name == "main":
        return importlib.import_module("experiments.cli.app").main
    raise AttributeError(f"module 'experiments' has no attribute '{name}'")
