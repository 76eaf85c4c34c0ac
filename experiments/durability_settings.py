"""Hostile settings: programs and cases that nobody should write, made by chance from a seed.

Room 7: builds each, and trains it for an update where it comes so far. A setting must run,
or be refused in one line; only what a case's own code raises keeps its traceback.
"""

import dataclasses
import functools
import math
import pathlib
import random
import traceback
import warnings

import numpy as np

from experiments import durability_small, exactness, measures, networks, reasons
from experiments.case import Classification, Regression, Solved, SuiteError, fix, rival
from experiments.durability_small import Small, target
from experiments.errors import shown
from experiments.streams import Batches

RAN, REFUSED, OWN, ESCAPED = "ran", "one line", "the case's own traceback", "escaped"
LONGEST_LINE = 2000
NESTED = ()
for _ in range(50):
    NESTED = (NESTED,)
VALUES = (
    *(0, 1, -1, -7, 2, 3, 100, 10**12, 10**18, 2**63, 10**400, 10**5000, True, False),
    *(0.0, -0.5, 0.5, 1.0, 1e-300, 1e300, math.nan, math.inf, -math.inf, np.float64(0.1)),
    *("", "relu", "nonsense", "Adam", "mse", "sigmoid", "a" * 20_000, "\x1b[31mred", "\ud800"),
    *("../..", "argmax", "sign", "Keras 1", "today", "nothing", "as drawn", None, NESTED),
    *((), (0,), (-3,), (4, 4), (10**12,), (10**18,), (1,) * 30, ((1, 2), (3,)), (None,), ("a",)),
    *(("nothing",), ("RandomUniform", 0, 1), ("Nonsense",), (0.5, math.nan), (2.5,), (True,)),
    *([], [4], {}, object(), b"bytes", 1j, len, {1, 2}, range(3), np.zeros(3)),
)


def setting(rng, cases):
    """Returns a case, made by changing a field or two of a program, and words for it."""
    case = rng.choice(cases)
    fields = [field.name for field in dataclasses.fields(case.broken)]
    chosen = rng.sample(fields, rng.choice((1, 1, 1, 2)))
    changes = {name: _value(rng, getattr(case.broken, name)) for name in chosen}

    def make():
        parts = {"broken": case.broken.replace(**changes), "fixes": _fixes(case, changes)}
        return dataclasses.replace(case, **parts, **UNSAID)

    return make, f"{case.name}: {shown(changes)}"


def _value(rng, old):
    """A value in the place of another: anything, or, half of the time, one of its kind."""
    alike = [v for v in VALUES if type(v) is type(old)]
    if isinstance(old, (int, float)) and rng.random() < 0.5:
        return type(old)(rng.choice((old + 1, old * 3, old / 3, -old, 0, 1)))
    return rng.choice(alike if alike and rng.random() < 0.5 else VALUES)


# What is said of a case plays no part in how its programs are built.
UNSAID = {"variants": {}}


def _fixes(case, changes):
    """One fix, of a field that is not changed already."""
    free = {name: one for name, one in case.fixes.items() if not set(one.changes) & set(changes)}
    return free or {"more": fix("at least one", batch_size=case.broken.batch_size + 1)}


def case_field(rng, _):
    """Returns the small case with one part exchanged for nonsense, and words for it."""
    name = rng.choice(list(PARTS))
    value = rng.choice((*PARTS[name], *ANY))

    def make():
        return durability_small.make(**{name: value() if isinstance(value, Late) else value})

    return make, f"{name}={shown(value)}"


class Late(functools.partial):
    """A part that is refused when it is made, and so is made late."""


ANY = (None, 5, "text", (), {}, math.nan, object(), len, b"", [1], ("a", 1))


def _uncompiled(s):
    import keras

    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def _unbuilt(s):
    import keras

    network = keras.Sequential([keras.layers.Dense(1)])
    network.compile("SGD", "mse")
    return network


def _of_shape(*shape, outputs=1, layer="Dense"):
    """A model function whose network takes and returns what it should not."""

    def model(s):
        import keras

        network = keras.Sequential([keras.Input(shape), getattr(keras.layers, layer)(outputs)])
        network.compile("SGD", "mse")
        return network

    return model


def _functional(s):
    import keras

    x = keras.Input((1,))
    network = keras.Model(x, keras.layers.Dense(1)(x))
    network.compile("SGD", "mse")
    return network


def _raises(*_):
    raise RuntimeError("a mistake of the case")


def chain(length):
    """Returns rivals, each of which starts from the one before."""
    names = ["broken", *(f"rival{n}" for n in range(length))]
    return {
        name: rival("longer", start=before, epochs=10 + n)
        for n, (before, name) in enumerate(zip(names, names[1:], strict=False))
    }


def _like(make):
    """A data function whose x and y are made from those it should return."""
    return lambda s, rng, size: make(*durability_small.data(s, rng, size))


PARTS = {
    "name": ("", "a b", "a/b", "..", "../../etc", "a" * 5000, "broken", "a\x00b", "\x1b[31m", "é"),
    "shows": ("\ud800", "\x1b[31m"),
    "data": (
        _raises,
        _like(lambda x, y: None),
        _like(lambda x, y: x),
        _like(lambda x, y: (x, y, x)),
        _like(lambda x, y: (x[..., 0], y)),
        _like(lambda x, y: (x, y[..., 0])),
        _like(lambda x, y: (np.repeat(x, 3, axis=-1), y)),
        _like(lambda x, y: (x, np.repeat(y, 2, axis=-1))),
        _like(lambda x, y: (x * np.nan, y)),
        _like(lambda x, y: (x, y * np.inf)),
        _like(lambda x, y: (x.astype(object), y)),
        _like(lambda x, y: (x.astype(str), y)),
        _like(lambda x, y: (x + 1j, y)),
        _like(lambda x, y: (x.tolist(), y.tolist())),
        _like(lambda x, y: (x.astype(np.float16), y > 0)),
        _like(lambda x, y: (None, None)),
        _like(lambda x, y: ([[1, 2], [3]], y)),
        _like(lambda x, y: (x[:0], y[:0])),
        lambda s, rng, size: (np.zeros((5, 1)), np.zeros((5, 1))),
        lambda: None,
    ),
    "model": (
        *(_raises, _uncompiled, _unbuilt, _functional, _of_shape(2), _of_shape(1, outputs=3)),
        *(_of_shape(3, 1), _of_shape(None, 1, layer="LSTM"), _of_shape(1, outputs=1.5)),
        *(_of_shape(1, outputs=-1), _of_shape(1, outputs=0), _of_shape(1, outputs="many")),
        *(_of_shape(), _of_shape(0), lambda s: None, lambda s: 5, lambda: None, Small),
    ),
    "task": (
        *(Regression, Regression(_raises), Regression(lambda x: None), Regression(lambda x: 1.0)),
        *(Regression(lambda x: x[:3]), Regression(lambda x: x.astype(str)), Classification(target)),
        *(Regression(lambda x: x * np.nan), Late(Regression, target, points=(0.5, math.nan))),
        *(Late(Regression, target, also_from=2.0), Late(Regression, target, also_from=math.nan)),
        *(Late(Regression, 5), Late(Classification, target, num_many=-1)),
    ),
    "solved": (
        Solved("nonsense", above=0.5),
        Late(Solved, "r2", above=""),
        Late(Solved, 5, above=1),
    ),
    "broken": (Small, Small(epochs=7), Small(batch_size=10**18), Late(Small, epochs=[])),
    "fixes": (
        {"bend": fix("nothing")},
        {"bend": fix("no field", nonsense=1)},
        {"bend": fix("the same", activation="linear")},
        {"a": fix("twice", epochs=3), "b": fix("twice", epochs=4)},
        {"fixed": fix("reserved", epochs=3)},
        {"a b": fix("a blank", epochs=3)},
        {5: fix("no name", epochs=3)},
        {"a": "epochs"},
        {"a": fix("no number", epochs="three")},
        {f"fix{n}": fix("many", **{name: 3}) for n, name in enumerate(("epochs", "calls"))},
    ),
    "variants": (
        {"a": rival("itself", start="a", epochs=3)},
        {"a": rival("a circle", start="b"), "b": rival("a circle", start="a")},
        {"a": rival("nowhere", start="nonsense", epochs=3)},
        {"bend": rival("a fix's name", epochs=3)},
        chain(30),
    ),
    "inputs": (
        *(_raises, lambda s, x, sample: None, lambda s, x, sample: x[..., 0]),
        *(lambda s, x, sample: np.repeat(x, 2, -1), lambda s, x, sample: x[:1]),
        *(lambda s, x, sample: x.astype(str), lambda s, x, sample: x * np.nan, lambda: None),
    ),
    "by_hand": (
        *(_raises, lambda s, w: None, lambda s, w: w[:1], lambda s, w: 5, lambda: None),
        *(lambda s, w: [None] * len(w), lambda s, w: [v * np.nan for v in w]),
    ),
    "block_width": (0, 1, -3, 2.5, True, "two", 10**12),
    "quick_steps": (0, -1, "many", 2.5),
    "reference_arm": ("nonsense", "bend+nonsense", "+" * 1000),
    "recorded": (("all",), ("all", 5), 5),
    "provenance": ({"nonsense": ("quoted", "")}, {"epochs": "quoted"}, {"epochs": ()}, {5: 5}),
    "claims": ((1,), ("claim",), (object(),)),
    "races": (("race",), (5,)),
    "faults": ({"nonsense": "x"}, {5: 5}),
    "deviations": ((5,), "text"),
}
KINDS = {"setting": setting, "case field": case_field}


def made(kind, num, seed, cases):
    """Tries hostile settings, one after the other.

    Args:
        kind: `"setting"` of a program, or `"case field"`.
        num: How many.
        seed: Whole number they are made from.
        cases: The `Case`s whose programs are changed.

    Yields:
        `(words, came of it, what was said)`.
    """
    rng = random.Random(f"{kind} {seed}")
    for _ in range(num):
        make, words = KINDS[kind](rng, cases)
        yield words, *attempted(make)


def attempted(make, use=None):
    """Makes a case and trains an update of it.

    Args:
        make: Function without arguments that returns the `Case`.
        use: Function `(case)` to use it by; a tiny training by default.

    Returns:
        `(came of it, what was said)`.
    """
    case = None
    try:
        with warnings.catch_warnings():
            # Numbers out of range are what is wanted here.
            warnings.simplefilter("ignore")
            case = make()
            (use or update)(case)
    except SuiteError as error:
        text = str(error)
        plain = text.isprintable() and len(text) <= LONGEST_LINE
        return (REFUSED if plain else ESCAPED), text[:300]
    except Exception as error:
        own = case is not None and reasons.is_own(case, error)
        *_, last = traceback.extract_tb(error.__traceback__)
        where = f"{pathlib.Path(last.filename).name}:{last.lineno}"
        says = f"{type(error).__name__} at {where}: {error}"[:300]
        return (OWN if own else ESCAPED), says
    return RAN, ""


def update(case):
    """Builds the broken arm, trains one update of plain Keras, and puts the exam."""
    setup = case.broken
    model = networks.build(case, setup)
    exactness.check_trainable(model)
    with reasons.told(case, setup):
        weights = networks.starting_weights(case, setup, model, 0)
        for variable, value in zip(model.weights, weights, strict=True):
            variable.assign(value)
        model.compile(model.optimizer, model.loss, run_eagerly=True)
        x, y = (values[: setup.batch_size] for values in Batches(case, setup, 0).next_pass())
        loss = float(np.ravel(model.train_on_batch(x, y))[0])
        exam = measures.Exam(case, setup, [0])
        outputs = np.asarray(model(exam.inputs[0]))[None]
        exam.measure(measures.Snapshot(1, outputs, [], [], np.array([[loss, 0.0, 0.0]])))
