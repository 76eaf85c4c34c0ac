"""Implements the command line; only this package prints or exits.

It may import every other package, and none imports it.
"""

from experiments.cli.app import main, suite

__all__ = ["main", "suite"]
