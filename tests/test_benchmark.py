"""The benchmark: it compares equal training only, and its arithmetic is right."""

import sys

import numpy as np
import pytest

from experiments import benchmark, benchmark_contenders, benchmark_jax, benchmark_tables
from experiments.benchmark_workers import Job, difference
from experiments.case import SuiteError


@pytest.mark.parametrize("name", ["sin_fit", "sum_hinge", "ln_fit"])
def test_the_jax_loop_arrives_at_the_engines_weights(name):
    pytest.importorskip("jax")
    passes = {"sin_fit": 1, "sum_hinge": 3, "ln_fit": 1}[name]
    ours = benchmark_contenders.Engine(Job("engine", name, 2, passes))
    start = ours.start()
    ours.prepare()
    theirs = benchmark_jax.Jax(Job("jax", name, 2, passes))
    theirs.prepare(start)
    assert difference(theirs.weights(passes), ours.weights(passes)) < 1e-3


def test_weights_that_differ_are_told_by_the_worst_variable():
    ours = [np.ones((2, 3)), np.full((2, 1), 10.0)]
    theirs = [np.ones((2, 3)), np.full((2, 1), 11.0)]
    assert difference(theirs, ours) == pytest.approx(0.1)
    assert difference([values[:1] for values in ours], ours) == 0


def test_a_ratio_is_the_median_of_the_rounds():
    assert benchmark_tables.ratio([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]) == (2.0, 1.0, 3.0)


def test_compiling_is_the_first_pass_less_what_a_pass_costs_later():
    assert benchmark_tables.compile_seconds(3.0, 1_000_000, cost=2.0) == pytest.approx(1.0)
    assert benchmark_tables.compile_seconds(1.0, 1_000_000, cost=2.0) == 0


def test_shares_add_up_to_one():
    assert benchmark_tables.shares(10.0, 5.0, 2.0) == [0.2, 0.5, 0.3]


def test_a_cost_is_microseconds_a_step_and_seed():
    job = Job("engine", "sum_hinge", 10, 2)
    measured = benchmark_tables.Measured({job: [1.4]}, {job: (2.0, 70)}, {job: ""})
    # 10 seeds, 2 passes of 7 steps: 140 updates in 1.4 s.
    assert measured.cost(job) == pytest.approx([10_000.0])
    assert measured.compiling(job) == pytest.approx(2.0 - 0.7)


def test_without_jax_the_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(SuiteError, match=r"needs JAX; install it with: pip install -e '\.\[bench"):
        benchmark_jax.load_jax()


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
    assert benchmark_jax.even_widths(num_seeds, widths) == expected


def test_an_unknown_row_gets_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as caught:
        benchmark.main(["--only", "sin_fti"])
    assert caught.value.code == 1
    assert "Did you mean 'sin_fit'?" in capsys.readouterr().err
