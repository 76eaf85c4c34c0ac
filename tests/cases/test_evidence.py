"""Evidence files: where they are found, what they add to a case, and what they cannot change."""

import dataclasses
import importlib.util
import itertools
import json
import os
import pathlib
import pickle
import subprocess
import sys

import pytest

import reproductions
from experiments import Case, Evidence, Recorded, variant
from experiments.cases.errors import CaseError, SuiteError
from experiments.cases.evidence import find_evidence, with_evidence
from experiments.runs.keys import row_key
from tests import toy

ROOT = pathlib.Path(reproductions.__file__).parent.parent
CASES = reproductions.names()
numbers = itertools.count()

SCRIPT = """
import dataclasses

from experiments import Case, Regression, Setup, Solved, fix, main


@dataclasses.dataclass(frozen=True)
class Own(Setup):
    activation: str = "linear"
    half: bool = False
    batch_size: int = 8
    epochs: int = 1
    num_samples: int = 16


def target(x):
    return x * (1 - x)


def data(s, rng, size):
    x = rng.random((*size, 1))
    return x, target(x)


def model(s):
    import keras

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, s.activation)])
    network.add(keras.layers.Dense(1))
    network.compile("SGD", "mse")
    return network


def halved(weight):
    return weight / 2


CASE = Case(
    name="own",
    shows="A parabola is fitted by a line.",
    symptom="a line",
    source="ours",
    data=data,
    model=model,
    task=Regression(target),
    solved=Solved("r2", above=0.95),
    broken=Own(),
    fixes={"bend": fix("a line cannot bend", activation="tanh")},
    block_width=2,
)
"""
END = """
if __name__ == "__main__":
    main(CASE)
"""
EVIDENCE = """
from experiments import Evidence, variant
from experiments.cases.claims import Solves, claim
from own import halved


def by_hand(s, weights):
    return [halved(weight) for weight in weights] if s.half else weights


EVIDENCE = Evidence(
    variants={"half": variant("half the weights", half=True)},
    by_hand=by_hand,
    claims=(claim("1", "It bends.", Solves("bend"), by="ours"),),
)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Returns a function from the texts of a script and of its evidence to the merged case."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def load(script=SCRIPT, evidence=EVIDENCE):
        for name in ("own", "evidence", "evidence.own"):
            sys.modules.pop(name, None)
        folder = tmp_path / str(next(numbers))
        sys.path[0] = str(folder)
        write(folder, script, evidence)
        spec = importlib.util.spec_from_file_location("own", folder / "own.py")
        sys.modules["own"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return with_evidence(module.CASE)

    yield load
    for name in ("own", "evidence", "evidence.own"):
        sys.modules.pop(name, None)


def write(folder, script, evidence):
    (folder / "evidence").mkdir(parents=True)
    (folder / "own.py").write_text(script)
    if evidence:
        (folder / "evidence" / "own.py").write_text(evidence)


# Where it is found.


def test_a_case_without_evidence_has_an_empty_one(own):
    found = find_evidence(own(evidence=""))
    assert found.claims == () and not found.variants
    assert found.recorded == (Recorded("all", 1000),)


def test_evidence_is_found_in_the_cases_own_module(own):
    both = EVIDENCE.replace("from own import halved\n", "")
    case = own(script=SCRIPT + both, evidence="")
    assert list(case.variants) == ["half"]
    assert [one.says for one in find_evidence(case).claims] == ["It bends."]


def test_evidence_is_found_in_a_file_beside_the_case(own):
    case = own()
    assert case.arm("half").half
    assert case.by_hand.__module__ == "evidence.own"
    assert [one.says for one in find_evidence(case).claims] == ["It bends."]


@pytest.mark.parametrize("name", CASES)
def test_evidence_of_the_package_is_a_module_of_it(name):
    case = reproductions.load(name)
    module = importlib.import_module(f"reproductions.evidence.{name}")
    assert find_evidence(case) is module.EVIDENCE
    assert set(module.EVIDENCE.variants) == set(case.variants)
    assert case.by_hand is module.EVIDENCE.by_hand


def test_evidence_is_found_of_a_case_that_is_not_merged():
    case = importlib.import_module("reproductions.sin_fit").CASE
    assert not case.variants
    assert find_evidence(case) is find_evidence(reproductions.load("sin_fit"))


def test_a_file_without_evidence_is_refused(own):
    with pytest.raises(CaseError, match="own: EVIDENCE must be an Evidence. Received: None"):
        own(evidence="CLAIMS = ()")


def test_evidence_names_what_its_case_has(own):
    with pytest.raises(SuiteError, match="no arm 'bent'.* Did you mean 'bend'"):
        own(evidence=EVIDENCE.replace('Solves("bend")', 'Solves("bent")'))


# What it adds.


def test_merging_twice_changes_nothing():
    case = toy.make()
    again = with_evidence(case, Evidence(variants=case.variants))
    assert (again.variants, again.by_hand) == (case.variants, case.by_hand)


def test_a_variant_of_both_is_refused():
    evidence = Evidence(variants={"slow": variant("slower still", learning_rate=0.001)})
    with pytest.raises(CaseError, match="a variant, and by_hand, stand in the case or in its"):
        with_evidence(toy.make(), evidence)


def test_rivals_are_variants():
    parts = {field.name: getattr(toy.CASE, field.name) for field in dataclasses.fields(Case)}
    slow = parts.pop("variants")
    assert Case(**parts, rivals=slow).variants == slow
    with pytest.raises(CaseError, match="which are the same"):
        Case(**parts, variants=slow, rivals=slow)


# What keys depend on.


@pytest.mark.parametrize(
    ("where", "old", "new", "stale"),
    [
        ("evidence", "weights] if s.half", "weights[:]] if s.half", True),
        ("script", "weight / 2", "weight / 3", True),
        ("evidence", "It bends.", "It is bent.", False),
        ("evidence", "half the weights", "weights by half", False),
    ],
)
def test_weights_set_by_hand_are_in_every_key_and_claims_in_none(own, where, old, new, stale):
    texts = {"script": SCRIPT, "evidence": EVIDENCE}
    assert old in texts[where]
    before = own()
    kept = {arm: row_key(before, before.arm(arm)) for arm in ("broken", "fixed", "half")}
    after = own(**texts | {where: texts[where].replace(old, new)})
    for arm, key in kept.items():
        assert (row_key(after, after.arm(arm)) != key) == stale, arm


def test_a_merged_case_travels(own):
    case = own()
    travelled = pickle.loads(pickle.dumps(case))
    assert travelled.by_hand is case.by_hand
    assert row_key(travelled, travelled.arm("half")) == row_key(case, case.arm("half"))


# In processes of their own.


def run(folder, *words):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *words, "--no-progress"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_trains_its_evidences_arms(tmp_path):
    write(tmp_path / "there", SCRIPT + END, EVIDENCE)
    script = str(tmp_path / "there" / "own.py")
    told = run(tmp_path, script, "--arms", "broken,bend,half", "--seeds", "4", "--out", "a")
    assert "trained 12 rows" in told
    assert "It bends." in (tmp_path / "a" / "report.md").read_text()


PROCESSES = (
    SCRIPT
    + """
if __name__ == "__main__":
    import pathlib
    import sys

    from experiments.cases import plans
    from experiments.cases.evidence import with_evidence
    from experiments.runs import executor, jobs, runner
    from experiments.runs.store import Store

    case = with_evidence(CASE)
    plan = plans.select(case, "half")
    store = Store(pathlib.Path("a"), case)
    processes = sys.argv[1] == "processes"
    chosen = executor.ProcessExecutor(1) if processes else executor.ThreadExecutor(1)
    assert executor.can_travel(jobs.cut(case, plan, lambda *_: [0, 1], "engine")[0])
    print(runner.train(case, plan, [0, 1], store, choose_executor=lambda jobs: chosen))
"""
)


@pytest.mark.slow
def test_processes_find_the_evidence_of_a_script(tmp_path):
    write(tmp_path / "there", PROCESSES, EVIDENCE)
    script = str(tmp_path / "there" / "own.py")
    assert "(2, 0)" in run(tmp_path, script, "processes")
    assert "half," in (tmp_path / "a" / "runs.csv").read_text()


def test_a_script_without_evidence_runs(tmp_path):
    write(tmp_path / "there", SCRIPT + END, "")
    script = str(tmp_path / "there" / "own.py")
    assert "trained 4 rows" in run(tmp_path, script, "--seeds", "2", "--out", "a")


@pytest.mark.slow
def test_a_case_of_the_package_has_the_same_keys_when_it_is_run(tmp_path):
    case = reproductions.load("sum_hinge")
    run(tmp_path, "-m", "reproductions.sum_hinge", "--seeds", "2", "--arms", "tanh", "--out", "a")
    lines = (tmp_path / "a" / "runs.csv").read_text().splitlines()
    assert row_key(case, case.arm("tanh")) in lines[1]
    assert json.loads((tmp_path / "a" / "manifest.json").read_text())
