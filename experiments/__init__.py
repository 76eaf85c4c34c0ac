"""The library: documented neural-network failures as paired, seeded experiments.

What a case file needs is importable from here; nothing here imports
TensorFlow, Keras or NumPy until a run asks for it.
"""

from experiments import era
from experiments.case import (
    Case,
    Classification,
    Evidence,
    Regression,
    Setup,
    Solved,
    SuiteError,
    fix,
    rival,
)

__all__ = [
    "Case",
    "Classification",
    "Evidence",
    "Regression",
    "Setup",
    "Solved",
    "SuiteError",
    "era",
    "fix",
    "rival",
]
