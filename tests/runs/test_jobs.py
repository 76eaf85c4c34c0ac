"""Units: a plan cut so that nothing is missing or twice; the same rows wherever it stops."""

import pickle

import numpy as np
import pandas as pd
import pytest

from experiments.cases import plans
from experiments.cases.claims import claim
from experiments.runs import jobs
from experiments.runs.keys import row_key
from experiments.training import checkpoints
from tests import toy


def cut(words="broken,fixed", seeds=range(5), case=toy.CASE, trainer="engine"):
    return jobs.cut(case, plans.select(case, words), lambda *_: list(seeds), trainer)


def test_units_hold_every_arm_and_seed_once():
    work = cut("all", range(37))
    held = [(arm, seed) for job in work for arm in job.arms for seed in job.seeds]
    wanted = [(arm, seed) for arm in plans.select(toy.CASE, "all") for seed in range(37)]
    assert sorted(held) == sorted(wanted)


def test_nothing_needed_is_no_unit():
    assert cut(seeds=()) == []


def test_a_unit_holds_the_seeds_that_any_of_its_arms_needs():
    needed = {"broken": [0, 2], "longer": [1, 2]}
    plan = plans.select(toy.CASE, "broken,longer")
    work = jobs.cut(toy.CASE, plan, lambda arm, _: needed[arm], "engine")
    assert [seed for job in work for seed in job.seeds] == [0, 1, 2]
    assert {job.run for job in work} == {"longer = broken"}


def test_a_unit_is_named_by_its_arms_and_seeds():
    (job,) = cut("broken,longer", [7], trainer="reference")
    assert job.name == "longer = broken, seed 7"
    first, *_ = cut("broken", range(3, 40))
    assert first.name == f"broken, seeds 3 to {2 + len(first.seeds)}"


def test_updates_are_those_of_the_longest_arm():
    for job in cut("broken,longer", range(5)):
        assert job.num_updates == len(job.seeds) * toy.CASE.arm("longer").num_steps


def test_a_digest_tells_units_and_versions_apart():
    first, *_ = cut("broken", range(5))
    others = [
        *cut("broken", range(6))[:1],
        *cut("fixed", range(5))[:1],
        *cut("broken", range(5), trainer="reference")[:1],
        *cut("broken", range(5), case=toy.make(broken=toy.Toy(learning_rate=0.2)))[:1],
    ]
    digests = {job.digest() for job in others}
    assert len(digests | {first.digest()}) == len(others) + 1
    assert first.digest() == cut("broken", range(5))[0].digest()


def test_a_case_that_travels_makes_the_same_rows():
    case = toy.make(claims=(claim("1", "Cannot travel.", lambda: None, by="ours"),))
    travelled = pickle.loads(pickle.dumps(cut("broken", range(5), case=case)[0].case))
    for name in ("broken", "fixed"):
        assert row_key(travelled, travelled.arm(name)) == row_key(case, case.arm(name))


def train(job, **how):
    (found, made) = jobs.JobTrainer().train(job, **how)
    assert made == jobs.environment()
    return found


def same(first, second):
    for arm, (rows, trace) in first.items():
        others, traced = second[arm]
        pd.testing.assert_frame_equal(rows, others, check_exact=True)
        assert list(trace) == list(traced)
        for name, values in trace.items():
            np.testing.assert_array_equal(values, traced[name])
    return True


@pytest.mark.parametrize("trainer", ["engine", "numpy"])
def test_a_unit_that_goes_on_from_any_state_ends_as_if_it_had_not_stopped(trainer, monkeypatch):
    monkeypatch.setattr("experiments.runs.jobs.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    job, *_ = cut("broken,longer", [0, 1], trainer=trainer)
    undisturbed, saved = train(job), []
    assert same(undisturbed, train(job, keep=saved.append))
    assert len(saved) > 1
    # Each new bench compiles anew: the first, one half-way, and the last will do.
    for state in (saved[0], saved[len(saved) // 2], saved[-1]):
        assert same(undisturbed, train(job, saved=state))


def test_states_are_made_now_and_then_only(monkeypatch):
    (job,) = cut("broken", [0, 1])[:1]
    saved = []
    train(job, keep=saved.append)
    assert saved == []


def test_a_state_of_other_seeds_is_refused(monkeypatch):
    monkeypatch.setattr("experiments.runs.jobs.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    one, other = cut("broken", [0, 1])[0], cut("broken", [2, 3])[0]
    saved = []
    train(one, keep=saved.append)
    with pytest.raises(checkpoints.CheckpointError, match="another run"):
        train(other, saved=saved[0])


def test_a_bench_compiles_a_program_once():
    job_trainer = jobs.JobTrainer()
    for job in cut("broken", range(40)) + cut("fixed", [0, 1]):
        job_trainer.train(job)
    assert job_trainer.num_programs == 2
