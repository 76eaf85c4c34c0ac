"""The library: documented neural-network failures as paired, seeded experiments.

What a case and its evidence need is importable from here; nothing here imports
TensorFlow, Keras or NumPy until a run asks for it.
"""

import importlib

from experiments import era
from experiments.case import (
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
from experiments.evidence_file import Evidence, Recorded

__all__ = [
    "Case",
    "Classification",
    "Evidence",
    "Fix",
    "Recorded",
    "Regression",
    "Setup",
    "Solved",
    "SuiteError",
    "era",
    "fix",
    "main",
    "rival",
    "variant",
]


def __getattr__(name):
    # The command line is no part of what a case is, and takes longer to import.
    if name == "main":
        return importlib.import_module("experiments.cli").main
    raise AttributeError(f"module 'experiments' has no attribute '{name}'")
