"""Scripts: every arm as a plain program that builds, draws and trains what the case does."""

import ast
import contextlib
import dataclasses
import functools
import importlib.util
import io
import itertools
import math
import os
import pathlib
import re
import subprocess
import sys
import tokenize

import numpy as np
import pytest

import reproductions
from experiments import Classification, Setup, Solved, SuiteError, fix
from experiments.cases import plans
from experiments.publish.export import script as scripts
from experiments.runs.store import Store
from experiments.training import metrics, networks
from experiments.training.columns import typed
from tests import toy

ROOT = pathlib.Path(__file__).parents[3]
CASES = reproductions.names()
ARMS = [
    (name, arm)
    for name in CASES
    for case in [reproductions.load(name)]
    for arm in (*plans.combinations(case), *plans.variants(case))
]
TRAINING = re.compile(r"^(history = model\.fit|for _ in range)", re.MULTILINE)
# The suite's own words, which a plain program has no use for.
OURS = r"\b(experiments|reproductions|Setup|setup|era|LABELS|HANDS|PREPARED)\b|\bs\."


@functools.cache
def script(name, arm, steps=None):
    case = reproductions.load(name)
    return scripts.script(case, arm, steps=steps)


@functools.cache
def built(name, arm):
    case = reproductions.load(name)
    return networks.build(case, case.arm(arm))


def code(text):
    """The text of a script without its docstring and comments."""
    body = ast.parse(text).body
    lines = text.splitlines(keepends=True)[body[0].end_lineno :]
    tokens = tokenize.generate_tokens(io.StringIO("".join(lines)).readline)
    return tokenize.untokenize(token for token in tokens if token.type != tokenize.COMMENT)


@functools.cache
def started(name, arm):
    """The names of a script that was run up to its training."""
    text = script(name, arm)
    made = {}
    exec(compile(TRAINING.split(text)[0], f"{name} {arm}", "exec"), made)
    return made


def called(text, call):
    """Returns the keyword arguments of a call in a script."""
    found = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
    (node,) = [n for n in found if ast.unparse(n.func) == call]
    return {item.arg: ast.unparse(item.value) for item in node.keywords}


def bare(value):
    """A configuration without names and seeds."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k not in ("name", "seed")}
    return value


def run(text):
    """Runs a script here; returns its names and what it printed."""
    made, printed = {"__name__": "__main__"}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "script", "exec"), made)
    return made, printed.getvalue()


def verdict(printed):
    return re.search(r"is asked for: (solved|not solved)$", printed.strip())[1]


# The text.


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_script_uses_keras_and_numpy_only_and_none_of_our_text(name, arm):
    text = script(name, arm)
    module = ast.parse(text)
    imported = [n for n in ast.walk(module) if isinstance(n, (ast.Import, ast.ImportFrom))]
    tops = {getattr(n, "module", None) or n.names[0].name for n in imported}
    assert {"keras", "numpy"} == tops
    assert not re.findall(OURS, code(text))
    assert not [n for n in ast.walk(module) if isinstance(n, ast.If)]
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_script_reads_every_name_that_it_sets(name, arm):
    module = ast.parse(script(name, arm))
    names = [n for n in ast.walk(module) if isinstance(n, ast.Name)]
    read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    functions = {n.name for n in ast.walk(module) if isinstance(n, ast.FunctionDef)}
    arguments = {n.arg for n in ast.walk(module) if isinstance(n, ast.arg)}
    written = {n.id for n in names if isinstance(n.ctx, ast.Store)} - {"_"}
    assert not (functions | arguments | written) - read


# The network.


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_script_builds_the_networks_layers_optimizer_and_loss(name, arm):
    wanted, model = built(name, arm), started(name, arm)["model"]
    active = [la for la in wanted.layers if getattr(la, "rate", None) != 0]
    assert [type(la) for la in model.layers] == [type(la) for la in active]
    for made, layer in zip(model.layers, active, strict=True):
        assert bare(made.get_config()) == bare(layer.get_config())
    assert model.input_shape == wanted.input_shape
    assert type(model.optimizer) is type(wanted.optimizer)
    ours, theirs = (bare(m.optimizer.get_config()) for m in (model, wanted))
    assert {**ours, "learning_rate": 0} == {**theirs, "learning_rate": 0}
    for step in (0, 1, 100, 10_000):
        assert rate(model.optimizer, step) == pytest.approx(rate(wanted.optimizer, step), rel=1e-6)


def rate(optimizer, step):
    import keras

    found = optimizer.get_config()["learning_rate"]
    if isinstance(found, dict):
        return float(keras.saving.deserialize_keras_object(found)(step))
    return float(found)


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_scripts_loss_judges_as_the_cases(name, arm):
    import keras

    case = reproductions.load(name)
    wanted, model = built(name, arm), started(name, arm)["model"]
    rng = np.random.default_rng(4)
    _, y = case.data(case.arm(arm), rng, (20,))
    outputs = rng.uniform(0.01, 0.99, (20, model.output_shape[-1])).astype("float32")
    losses = [np.asarray(keras.losses.get(m.loss)(y, outputs)) for m in (model, wanted)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    # The formula is reached by another way than its name only where Keras has none.
    assert callable(model.loss) == callable(wanted.loss)


def test_a_literal_loss_stands_in_arms_that_use_it_and_nowhere_else():
    using = {(n, a) for n, a in ARMS if "def literal_" in script(n, a)}
    wanted = {
        (n, a)
        for n, a in ARMS
        if "literal" in str(getattr(reproductions.load(n).arm(a), "loss", ""))
    }
    assert using == wanted
    assert using


# Data, weights, inputs.


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_script_draws_the_samples_of_the_case(name, arm):
    case, made = reproductions.load(name), started(name, arm)
    function = re.search(r"x, y = (\w+)\(rng, ", script(name, arm))[1]
    found = made[function](np.random.default_rng(7), 300)
    wanted = case.data(case.arm(arm), np.random.default_rng(7), (300,))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_script_prepares_what_the_network_is_given(name, arm):
    case, text = reproductions.load(name), script(name, arm)
    x = np.random.default_rng(3).random((50, 1))
    if case.inputs is None or np.array_equal(case.inputs(case.arm(arm), x, x), x):
        assert "inputs(" not in text
        return
    found = started(name, arm)["inputs"](x)
    np.testing.assert_allclose(found, case.inputs(case.arm(arm), x, x))
    assert "yield inputs(x), y" in text
    assert "model.predict(inputs(grid)" in text


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_script_starts_from_weights_set_by_hand_where_the_case_does(name, arm):
    case, setup = reproductions.load(name), reproductions.load(name).arm(arm)
    drawn = networks.initial_weights(built(name, arm), 5)
    wanted = networks.starting_weights(case, setup, built(name, arm), 5)
    hand = re.search(r"model\.set_weights\((\w+)\(model\.get_weights\(\)\)\)", script(name, arm))
    found = started(name, arm)[hand[1]](drawn) if hand else drawn
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_some_arms_start_by_hand_and_some_prepare_their_inputs():
    texts = [script(name, arm) for name, arm in ARMS]
    assert len([text for text in texts if "set_weights" in text]) >= 8
    assert len([text for text in texts if "yield inputs(x)" in text]) >= 4


# Training and exam.


@pytest.mark.parametrize(("name", "arm"), ARMS)
def test_a_script_makes_the_documented_number_of_updates(name, arm):
    setup, text = reproductions.load(name).arm(arm), script(name, arm)
    fit = called(text, "model.fit")
    if setup.is_stream:
        per_epoch = int(fit["steps_per_epoch"])
        assert f"(rng, {setup.batch_size})" in text
    else:
        samples = int(re.search(r"x, y = \w+\(rng, ([\d_]+)\)", text)[1])
        assert samples == setup.num_samples
        kept = int(samples * (1 - float(fit.get("validation_split", 0))))
        per_epoch = math.ceil(kept / int(fit["batch_size"]))
        assert int(fit["batch_size"]) == setup.batch_size
    calls = re.search(r"for _ in range\((\d+)\):\n +x, y = ", text)
    updates = int(calls[1] if calls else 1) * int(fit["epochs"]) * per_epoch
    assert updates == setup.num_steps


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("steps", [1, 150, 10**7])
def test_a_script_is_cut_to_so_many_updates_but_never_below_an_epoch(name, steps):
    case = reproductions.load(name)
    for arm in ("broken", "fixed", *list(case.variants)[:3]):
        whole = case.arm(arm)
        short = scripts.shortened(whole, steps)
        least = 1 if whole.is_stream else whole.steps_per_epoch
        assert short.num_steps <= min(whole.num_steps, max(steps, least))
        assert short.num_steps >= min(whole.num_steps, steps) / 2
    assert scripts.shortened(case.fixed, 10**7) == case.fixed


def test_a_script_that_is_cut_says_so():
    text = " ".join(script("sin_fit", "fixed", 2000).split())
    assert "Cut short: 2,000 of 100,000 updates." in text
    assert "Cut short" not in script("sin_fit", "fixed")


def test_an_arm_longer_than_the_quick_length_is_written_at_its_documented_length():
    case = reproductions.load("ln_fit")
    assert case.quick_steps < case.fixed.num_steps
    fit = called(script("ln_fit", "fixed"), "model.fit")
    assert int(fit["steps_per_epoch"]) * int(fit["epochs"]) == case.fixed.num_steps


@pytest.mark.parametrize("how", ["argmax", "sign", "threshold 0.5"])
def test_outputs_are_read_as_the_setup_says(how):
    (name, arm) = next(
        (n, a) for n, a in ARMS if getattr(reproductions.load(n).arm(a), "read", "") == how
    )
    line = re.search(r"^chosen = (.*)$", script(name, arm), re.MULTILINE)[1]
    outputs = np.random.default_rng(1).normal(0.3, 1, (200, 2))
    chosen = eval(line, {"np": np, "outputs": outputs})
    np.testing.assert_array_equal(chosen, metrics.read(outputs, how))
    assert 0 < chosen.mean() < 1


@pytest.mark.parametrize(
    ("name", "arm", "steps"),
    [
        ("sum_hinge", "labels_01_literal", 70),
        ("sum_softmax", "two_units", None),
        ("sin_fit", "calls_10", 200),
        ("ln_fit", "dropout", 100),
        pytest.param("sum_softmax", "literal", None, marks=pytest.mark.slow),
        pytest.param("sin_fit", "fixed_meant", 1000, marks=pytest.mark.slow),
        pytest.param("ln_fit", "by_batch", 100, marks=pytest.mark.slow),
    ],
)
def test_a_script_runs_makes_its_updates_and_prints_its_verdict(name, arm, steps):
    made, printed = run(script(name, arm, steps))
    case = reproductions.load(name)
    setup = case.arm(arm) if steps is None else scripts.shortened(case.arm(arm), steps)
    assert int(made["model"].optimizer.iterations) == setup.num_steps
    assert re.search(r"^loss in the last epoch: \d", printed, re.MULTILINE)
    value = made[case.solved.metric]
    assert verdict(printed) == ("solved" if value >= case.solved.above else "not solved")


def test_a_scripts_metric_is_the_exams():
    made, _ = run(script("sin_fit", "broken"))
    case = reproductions.load("sin_fit")
    evaluation = metrics.Evaluation(case, case.broken, [0])
    outputs = np.asarray(made["model"](evaluation.inputs[0]))[None]
    found = evaluation.measure(metrics.Snapshot(1, outputs, [], [], None))
    assert made["r2"] == pytest.approx(found["r2"][0], rel=1e-3, abs=1e-4)


def test_a_solution_set_by_hand_is_seen_as_solved_at_once():
    _, printed = run(script("ln_fit", "routed", 1))
    assert verdict(printed) == "solved"


def test_the_seed_stands_in_the_script_and_makes_it_repeat():
    case = toy.CASE
    texts = [scripts.script(case, "broken", seed=seed) for seed in (0, 0, 1)]
    assert "SEED = 1\n" in texts[2]
    values = [run(text)[0]["r2"] for text in texts]
    assert values[0] == values[1]
    assert values[0] != values[2]


# By itself.


def outside(text, folder):
    """Runs a script in a process that cannot import the suite; returns what it printed."""
    path = folder / "program.py"
    path.write_text(text, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path)],
        cwd=folder,
        env=environment | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_script_runs_by_itself(tmp_path):
    text = script("sum_hinge", "broken")
    text += "import sys\nassert 'experiments' not in sys.modules\n"
    assert verdict(outside(text, tmp_path)) == "not solved"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sum_hinge", "sum_softmax", "sin_fit"])
@pytest.mark.parametrize("arm", ["broken", "fixed"])
def test_a_whole_script_ends_as_most_stored_seeds_do(name, arm, tmp_path):
    case = reproductions.load(name)
    rows = Store(ROOT / "results" / name, case).frame()
    share = rows["solved"][rows["arm"] == arm].mean()
    assert not 0.1 < share < 0.9
    printed = outside(scripts.script(case, arm), tmp_path)
    assert verdict(printed) == ("solved" if share > 0.5 else "not solved")


def test_importing_the_writer_of_scripts_imports_no_keras():
    code = "import sys, experiments.publish.export.notebook; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "experiments.publish.export.model_code" in loaded
    assert not {"keras", "tensorflow", "nbformat"} & loaded


# What it says.


def test_a_script_tells_what_goes_wrong_its_source_and_the_reasons_of_its_changes():
    case = reproductions.load("sin_fit")
    text = " ".join(ast.get_docstring(ast.parse(script("sin_fit", "neck+batch"))).split())
    assert text.startswith(case.shows)
    assert "Cross Validated" in text
    for name in ("neck", "batch"):
        assert f"- {name}: {case.fixes[name].why}" in text
    assert case.fixes["epochs"].why not in text


def test_a_rival_of_an_arm_tells_that_arms_changes_too():
    case = reproductions.load("sin_fit")
    text = " ".join(script("sin_fit", "neck_2").split())
    assert f"- epochs: {case.fixes['epochs'].why}" in text
    assert f"- neck_2: {case.variants['neck_2'].why}" in text


def stored(case, folder, solved, arm="broken"):
    from experiments.runs.keys import row_key

    setup, store = case.arm(arm), Store(folder, case)
    key = row_key(case, setup)
    row = {"arm": arm, "steps": setup.num_steps, "diverged": 0, "key": key, "r2": 0.5}
    made = {"keras": "3", "tensorflow": "2"}
    store.add(typed({**row, "seed": range(len(solved)), "solved": solved}), made)
    return store


def test_a_script_says_how_many_stored_seeds_succeed(tmp_path):
    store = stored(toy.CASE, tmp_path / "toy", [True, False, True])
    text = scripts.script(toy.CASE, "broken", store=store)
    assert "Of 3 runs with different seeds, 2 reached an R2 of at least 0.95." in text
    assert "runs with" not in scripts.script(toy.CASE, "fixed", store=store)


def test_rows_of_an_older_version_or_another_length_are_not_told(tmp_path):
    store = stored(toy.CASE, tmp_path / "toy", [True, True])
    assert "runs with" not in scripts.script(toy.CASE, "broken", steps=4, store=store)
    newer = toy.make(data=lambda s, rng, size: (rng.random((*size, 1)),) * 2)
    assert "runs with" not in scripts.script(newer, "broken", store=Store(tmp_path / "toy", newer))


def test_a_text_with_quotes_and_backslashes_stays_a_text():
    case = toy.make(shows='A "curve" \\ and """more""" fails.')
    text = ast.get_docstring(ast.parse(scripts.script(case)))
    assert text.startswith("A \"curve\" \\ and '''more''' fails.")


# The difference of two.


def test_the_difference_of_two_arms_shows_what_their_fields_do():
    found = scripts.difference(reproductions.load("sin_fit"), "neck+epochs", "fixed")
    lines = [line for line in found.splitlines() if line[:1] in "+-" and line[1:2] not in "+-"]
    changed = [line for line in lines if "model" in line]
    assert [line[:1] for line in changed] == ["-", "+"]
    assert "batch_size=100" in changed[0]
    assert "batch_size=10," in changed[1]
    assert found.startswith("--- sin_fit neck+epochs\n+++ sin_fit fixed\n")


def test_an_arm_does_not_differ_from_itself():
    assert scripts.difference(toy.CASE, "broken", "broken") == ""


# A case of one's own.


def test_the_readmes_own_case_is_exported(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "CASE" in b)
    path = tmp_path / "parabola.py"
    path.write_text(block, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("parabola_of_the_readme", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = scripts.script(module.CASE, "fixed")
    assert "return x * (1 - x)" in found
    assert 'keras.layers.Dense(20, activation="tanh")' in found
    _, printed = run(scripts.script(module.CASE, "broken", steps=20))
    assert verdict(printed) == "not solved"


def test_an_endless_stream_of_ones_own_gives_a_fresh_batch_at_each_step():
    case = toy.make_stream()
    made, _ = run(scripts.script(case, "broken"))
    assert int(made["model"].optimizer.iterations) == 30
    drawn = [batch[0] for batch in itertools.islice(made["batches"](), 2)]
    assert drawn[0].shape == drawn[1].shape == (4, 1)
    assert not np.array_equal(drawn[0], drawn[1])


@dataclasses.dataclass(frozen=True)
class Corner(Setup):
    read: str = "argmax"
    centred: bool = True
    learning_rate: float = 0.1
    batch_size: int = 8
    steps: int = 20


def in_corner(x):
    return x[..., 0] * x[..., 1] > 0.5


def corner_data(s, rng, size):
    x = rng.random((*size, 2))
    ones = in_corner(x)[..., None]
    return x, np.concatenate([~ones, ones], -1).astype(float)


def corner_inputs(s, x, sample):
    return x - sample.mean(-2, keepdims=True) if s.centred else x


def corner_model(s):
    import keras

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "softmax")])
    network.compile(keras.optimizers.SGD(s.learning_rate), "categorical_crossentropy")
    return network


def halved(s, weights):
    return [weights[0] / 2, *weights[1:]]


def test_classes_on_an_endless_stream_with_inputs_and_weights_of_their_own_are_exported():
    case = toy.make(
        name="corner",
        data=corner_data,
        model=corner_model,
        inputs=corner_inputs,
        by_hand=halved,
        task=Classification(in_corner, num_many=500),
        solved=Solved("accuracy", above=0.9),
        broken=Corner(),
        fixes={"plain": fix("x as it is", centred=False), "longer": fix("more", steps=40)},
        variants={},
    )
    text = scripts.script(case, "broken")
    assert "model.set_weights(halved(model.get_weights()))" in text
    assert "x_test, _ = corner_data(rng, 500)" in text
    assert "model.predict(corner_inputs(x_test), verbose=0)" in text
    assert "corner_inputs" not in scripts.script(case, "plain")
    made, printed = run(text)
    wanted = np.argmax(made["outputs"], -1) == (made["x_test"].prod(-1) > 0.5)
    assert made["accuracy"] == wanted.mean()
    assert int(made["model"].optimizer.iterations) == 20
    assert verdict(printed) == ("solved" if wanted.mean() >= 0.9 else "not solved")


# What cannot be.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(arm="nothing"), "toy has no arm 'nothing'"),
        (dict(arm="all"), "One program is one arm; name it, as in --arm broken. Received: all"),
        (dict(seed=-1), "--seed must be a whole number of at least 0. Received: -1"),
        (dict(steps=0), "--steps must be a whole number of at least 1. Received: 0"),
    ],
)
def test_what_is_asked_wrongly_is_named(arguments, message):
    with pytest.raises(SuiteError, match=re.escape(message)):
        scripts.script(toy.CASE, **arguments)


def test_a_bar_that_a_script_cannot_measure_is_refused():
    case = toy.make(solved=dataclasses.replace(toy.CASE.solved, metric="skill"))
    with pytest.raises(SuiteError, match="judged by R2 or, of classes, by accuracy.*skill"):
        scripts.script(case)


def model_of_ones_own(s):
    import keras

    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    network = keras.Sequential([keras.Input((1,)), Twice(), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    return network


def test_a_layer_of_ones_own_is_refused_by_name():
    with pytest.raises(SuiteError, match="Keras's own.*Received: Twice"):
        scripts.script(toy.make(model=model_of_ones_own))


def trained_otherwise(s):
    import keras

    class Own(keras.Sequential):
        pass

    network = Own([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    return network


def test_a_model_of_ones_own_kind_is_refused_by_name():
    with pytest.raises(SuiteError, match="Received: Own, a model that trains in its own way"):
        scripts.script(toy.make(model=trained_otherwise))


COUNTER = iter(range(10**9))


def data_that_remembers(s, rng, size):
    return rng.random((*size, 1)) + next(COUNTER), rng.random((*size, 1))


def test_what_a_plain_script_cannot_hold_is_refused_by_name():
    with pytest.raises(SuiteError, match="let them use plain values.*range_iterator"):
        scripts.script(toy.make(data=data_that_remembers))


def data_of_the_seed_of_the_clock(s, rng, size):
    x = np.random.default_rng().random((*size, 1))
    return x, x


def test_a_script_that_would_do_something_else_is_not_written():
    case = toy.make(data=data_of_the_seed_of_the_clock)
    message = "toy: its plain script would do something else than the case.*Received: data()"
    with pytest.raises(SuiteError, match=message):
        scripts.script(case)
