"""Memory stays bounded: a thousand seeds of any case fit in 4 GB."""

import os
import pathlib
import subprocess
import sys

import pytest

import reproductions

ROOT = pathlib.Path(__file__).parent.parent
CODE = """
import dataclasses, resource, sys
import reproductions
from experiments import plans, runner
from experiments.store import Store

case = reproductions.load(sys.argv[1])
arms = plans.select(case, sys.argv[2])
# Memory does not grow with the length of a run, so a short one will do.
short = {"epochs": 1} if hasattr(case.broken, "epochs") else {"steps": 200}
plan = {arm: setup.replace(**short) for arm, setup in arms.items()}
trained, _ = runner.train(case, plan, list(range(1000)), Store(sys.argv[3], case))
print(trained, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", reproductions.names())
def test_a_thousand_seeds_fit_in_4_gb(name, tmp_path):
    case = reproductions.load(name)
    arm = "fixed_dropout" if "fixed_dropout" in case.variants else "fixed"
    found = subprocess.run(
        [sys.executable, "-c", CODE, name, arm, str(tmp_path / "a")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    trained, megabytes = map(int, found.stdout.split())
    assert trained == 1000
    assert megabytes < 4096
