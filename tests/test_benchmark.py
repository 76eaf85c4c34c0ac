"""The benchmark: it compares equal training only, and its arithmetic is right."""

import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark import contenders, jax_contender, tables
from experiments.benchmark import devices as benchmark_devices
from experiments.benchmark.devices import Timing
from experiments.benchmark.workers import Job, difference
from experiments.cases.errors import SuiteError
from experiments.training import devices

ROOT = pathlib.Path(__file__).parent.parent
GPU = "NVIDIA H200"


@pytest.mark.parametrize("name", ["sin_fit", "sum_hinge", "ln_fit"])
def test_the_jax_loop_arrives_at_the_engines_weights(name):
    passes = {"sin_fit": 1, "sum_hinge": 3, "ln_fit": 1}[name]
    ours = contenders.Engine(Job("engine", name, 2, passes))
    start = ours.start()
    ours.prepare()
    theirs = jax_contender.Jax(Job("jax", name, 2, passes))
    theirs.prepare(start)
    assert difference(theirs.weights(passes), ours.weights(passes)) < 1e-3


def test_weights_that_differ_are_told_by_the_worst_variable():
    ours = [np.ones((2, 3)), np.full((2, 1), 10.0)]
    theirs = [np.ones((2, 3)), np.full((2, 1), 11.0)]
    assert difference(theirs, ours) == pytest.approx(0.1)
    assert difference([values[:1] for values in ours], ours) == 0


def test_a_ratio_is_the_median_of_the_rounds():
    assert tables.ratio([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]) == (2.0, 1.0, 3.0)


def test_compiling_is_the_first_pass_less_what_a_pass_costs_later():
    assert tables.compile_seconds(3.0, 1_000_000, cost=2.0) == pytest.approx(1.0)
    assert tables.compile_seconds(1.0, 1_000_000, cost=2.0) == 0


def test_shares_add_up_to_one():
    assert tables.shares(10.0, 5.0, 2.0) == [0.2, 0.5, 0.3]


def test_a_cost_is_microseconds_a_step_and_seed():
    job = Job("engine", "sum_hinge", 10, 2)
    measured = tables.Measured({job: [1.4]}, {job: (2.0, 70)}, {job: ""})
    # 10 seeds, 2 passes of 7 steps: 140 updates in 1.4 s.
    assert measured.cost(job) == pytest.approx([10_000.0])
    assert measured.compiling(job) == pytest.approx(2.0 - 0.7)


def test_without_jax_the_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(SuiteError, match=r"needs JAX; install it with: pip install -e '\.\[bench"):
        jax_contender.load_jax()


def test_the_command_says_so_before_it_times_anything(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(SystemExit) as caught:
        benchmark.main(["--only", "scaling"])
    assert caught.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: the benchmark needs JAX")


@pytest.mark.parametrize(
    ("num_seeds", "widths", "expected"),
    [(1, (8, 128), [1]), (16, (8, 128), [8, 16]), (1000, (32, 128), [25, 125, 1000])],
)
def test_the_jax_loops_blocks_are_even(num_seeds, widths, expected):
    assert jax_contender.even_widths(num_seeds, widths) == expected


def test_an_unknown_row_gets_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as caught:
        benchmark.main(["--only", "sin_fti"])
    assert caught.value.code == 1
    assert "Did you mean 'sin_fit'?" in capsys.readouterr().err


@pytest.mark.slow
def test_a_small_benchmark_runs_end_to_end_and_writes_its_tables(tmp_path):
    words = [sys.executable, "-m", "experiments.benchmark", "--quick", "--repetitions", "1"]
    words += ["--out", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    raw = pd.read_csv(tmp_path / "benchmark.csv")
    assert set(raw["row"]) == set(benchmark.NAMES)
    assert {"engine", "jax", "jax_tuned", "fit", "fit_stream", *contenders.PARTS} == set(
        raw["contender"]
    )
    assert (raw["seconds"] > 0).all()
    text = (tmp_path / "benchmark.md").read_text()
    for title in ("Costs", "Figures", "One seed against many: sin_fit", "Where the time goes"):
        assert f"## {title}" in text


@pytest.mark.parametrize("part", contenders.PARTS)
def test_the_engine_trains_with_a_part_taken_out(part):
    contender = contenders.EnginePart(Job(part, "sum_hinge", 2, 1), part)
    contender.prepare()
    assert contender.run() > 0


# Devices.


def timing(device, trainer, num_seeds, *speeds):
    return Timing("toy", device, trainer, num_seeds, speeds)


def test_the_benchmark_names_the_best_width_and_what_a_gpu_is_worth():
    lines = benchmark_devices.lines(
        [
            timing("CPU", "engine", 16, 10.0, 10.0, 12.0),
            timing("CPU", "fit", 1, 0.1),
            timing(GPU, "engine", 16, 20.0),
            timing(GPU, "engine", 1024, 390.0, 400.0, 500.0),
            timing(GPU, "fit", 1, 0.05),
        ]
    )
    assert lines[0] == "toy, engine on CPU: 10 seeds a second, 16 at once."
    assert lines[2] == f"toy, engine on {GPU}: 400 seeds a second, 1,024 at once."
    assert lines[-1] == (
        f"On {GPU} the engine trains 40 times as many seeds a second as on the CPU's cores, and "
        "8,000 times as many as model.fit on the same GPU."
    )


@pytest.mark.skipif(devices.may_be_found(), reason="this machine may have a GPU")
@pytest.mark.slow
def test_the_benchmark_runs_on_a_cpu_and_says_that_there_is_no_gpu():
    timings = benchmark_devices.measure("sum_hinge", (2, 4), passes=2, repetitions=2)
    assert [(t.device, t.trainer, t.num_seeds) for t in timings] == [
        ("CPU", "engine", 2),
        ("CPU", "engine", 4),
        ("CPU", "fit", 1),
    ]
    assert all(len(t.seeds_per_second) == 2 and min(t.seeds_per_second) > 0 for t in timings)
    assert benchmark_devices.lines(timings)[-1] == benchmark_devices.NO_GPU
