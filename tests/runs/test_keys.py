"""Keys: what makes a stored row stale, and what may change without it."""

import ast
import importlib.util
import inspect
import itertools
import os
import re
import sys
from importlib import metadata

import numpy as np
import pytest

import reproductions
from experiments import Regression, Solved, era
from experiments.cases import case as case_module
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.runs import keys
from experiments.runs.keys import plain_source, row_key
from experiments.training import metrics, streams
from tests import toy

CASES = reproductions.names()
numbers = itertools.count()

SOURCE = '''"""A toy."""

import dataclasses
import functools

import numpy as np

from experiments import Case, Evidence, Regression, Setup, Solved, era, fix, variant

SCALE = 2.0
DEPTH = 3
UNUSED = 1


@dataclasses.dataclass(frozen=True)
class Toy(Setup):
    rate: float = 0.1
    width: int = 4
    batch_size: int = 4
    epochs: int = 2
    num_samples: int = 20


def scaled(x):
    """Scales."""
    # Twice.
    return SCALE * x


def indirect(x):
    return helper(x) - 1


def helper(x):
    return x + DEPTH


def curve(power, x):
    return x**power


KINDS = {"square": lambda x: x * x, "indirect": indirect}
PAIR = (1, "two")


def unused(x):
    return UNUSED


def data(s, rng, size):
    """Draws."""
    x = rng.random((*size, 1))
    return x, KINDS["square"](scaled(x))


def model(s):
    import keras

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(s.width)])
    network.add(keras.layers.Dense(PAIR[0]))
    network.compile(era.optimizer("SGD", learning_rate=s.rate), era.loss("mse"))
    return network


def inputs(s, x, sample):
    return x - 0.25


CASE = Case(
    name="toy",
    shows="It fails.",
    symptom="failure",
    source="ours",
    data=data,
    model=model,
    inputs=inputs,
    task=Regression(functools.partial(curve, 2), also_from=0.5, points=(0.25,)),
    solved=Solved("r2", above=0.95),
    broken=Toy(),
    fixes={"wide": fix("more units", width=8)},
    variants={"slow": variant("slower", rate=0.01)},
)

EVIDENCE = Evidence(
    provenance={"rate": ("quoted", "so")},
    deviations=("None.",),
)
'''

STALE = {
    "a setup field": ("rate: float = 0.1", "rate: float = 0.2"),
    "a setup field nobody reads": ("num_samples: int = 20", "num_samples: int = 21"),
    "the name of the setup's class": ("Toy(", "Doll("),
    "the data": ("rng.random((*size, 1))", "rng.random((*size, 1)) / 2"),
    "a constant in the model": ('"SGD"', '"Adam"'),
    "the model's layers": ("Dense(s.width)", "Dense(s.width, 'tanh')"),
    "the preparation": ("x - 0.25", "x - 0.5"),
    "the target": ("x**power", "x ** power + 1"),
    "an argument of the target": ("(curve, 2)", "(curve, 3)"),
    "a helper": ("SCALE * x", "SCALE * x + 1"),
    "a constant of a helper": ("SCALE = 2.0", "SCALE = 2.5"),
    "a lambda in a dict": ("x * x", "x * x * x"),
    "a function in a dict": ("helper(x) - 1", "helper(x) - 2"),
    "a helper of a function in a dict": ("x + DEPTH", "x - DEPTH"),
    "a constant of a helper of a function in a dict": ("DEPTH = 3", "DEPTH = 4"),
    "a tuple the model reads": ('PAIR = (1, "two")', 'PAIR = (1, "three")'),
    "the word of the library that is called": ('era.loss("mse")', "era.literal_hinge"),
    "the bar": ("above=0.95", "above=0.9"),
    "the metric of the bar": ('Solved("r2"', 'Solved("skill"'),
    "where errors are also taken": ("also_from=0.5", "also_from=0.25"),
    "a point of the exam": ("points=(0.25,)", "points=(0.75,)"),
}
CURRENT = {
    "nothing": ("", ""),
    "the docstring of the file": ('"""A toy."""', '"""A doll."""'),
    "a docstring": ('"""Draws."""', '"""Draws points.\n\n    Many of them.\n    """'),
    "a docstring that goes": ('    """Draws."""\n', ""),
    "the docstring of a helper": ('"""Scales."""', '"""Makes larger."""'),
    "a comment": ("# Twice.", "# Two times."),
    "a comment that goes": ("    # Twice.\n", ""),
    "a comment beside code": ("import keras\n", "import keras  # Slow.\n"),
    "blank lines": ("    return network", "\n\n    return network"),
    "space at the end of a line": ("rng.random((*size, 1))\n", "rng.random((*size, 1))   \n"),
    "what it shows": ("It fails.", "It works."),
    "the symptom": ('symptom="failure"', 'symptom="success"'),
    "the source of the thread": ('source="ours"', 'source="theirs"'),
    "the case's name": ('name="toy"', 'name="doll"'),
    "why a fix": ("more units", "many more units"),
    "why a rival": ("slower", "more slowly"),
    "another rival": ("rate=0.01", "rate=0.001"),
    "the value of a fix": ("width=8", "width=16"),
    "provenance": ('("quoted", "so")', '("ours", "thus")'),
    "deviations": ('"None."', '"One."'),
    "a function nobody calls": ("return UNUSED", "return -UNUSED"),
    "a constant nobody reads": ("UNUSED = 1", "UNUSED = 2"),
    "the order of functions": (
        "def helper(x):\n    return x + DEPTH\n\n\ndef curve(power, x):\n    return x**power\n",
        "def curve(power, x):\n    return x**power\n\n\ndef helper(x):\n    return x + DEPTH\n",
    ),
    "the published error": ("points=(0.25,)", "points=(0.25,), published_mse=0.1"),
}


@pytest.fixture
def make(tmp_path):
    """Returns a function from source text to the `CASE` of a module made of it."""
    made = set()

    def load(source, name=""):
        number = next(numbers)
        path = tmp_path / f"toy_{number}.py"
        path.write_text(source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(f"key_toy_{name or number}", path)
        made.add(spec.name)
        sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.CASE

    yield load
    for name in made:
        del sys.modules[name]


def broken_key(case):
    return row_key(case, case.broken)


def changed(source, old, new):
    assert old in source
    return source.replace(old, new)


def with_data(body, above=""):
    """Returns the toy's source with another `data`, and words above it."""
    start, end = SOURCE.index("def data("), SOURCE.index("def model(")
    return f"{SOURCE[:start]}{above}\n\n{body}\n\n\n{SOURCE[end:]}"


# What changes a key.


@pytest.mark.parametrize("what", STALE)
def test_rows_go_stale_with(what, make):
    assert broken_key(make(changed(SOURCE, *STALE[what]))) != broken_key(make(SOURCE))


@pytest.mark.parametrize("what", CURRENT)
def test_rows_stay_current_with(what, make):
    assert broken_key(make(changed(SOURCE, *CURRENT[what]))) == broken_key(make(SOURCE))


def test_the_trainer_is_in_the_key(make):
    case = make(SOURCE)
    assert row_key(case, case.broken, "reference") != row_key(case, case.broken, "engine")


def test_the_engines_version_is_in_the_key(make, monkeypatch):
    case = make(SOURCE)
    before = broken_key(case)
    monkeypatch.setattr(keys, "ENGINE_VERSION", keys.ENGINE_VERSION + 1)
    assert broken_key(case) != before


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("sum_softmax", "CLIP", 1e-6),
        ("sum_hinge", "LABELS", {"-1/+1": lambda ones: ones}),
        ("ln_fit", "OPTIMIZERS", {"SGD": {"learning_rate": 0.02}}),
        ("sum_hinge", "LITERAL_LOSSES", {}),
    ],
)
def test_words_of_the_library_that_a_case_uses_are_in_its_key(name, word, value, monkeypatch):
    case = reproductions.load(name)
    before = broken_key(case)
    monkeypatch.setattr(era, word, value)
    assert broken_key(case) != before


def test_a_function_that_a_word_of_the_library_calls_is_in_the_key(make, monkeypatch):
    def above(x, threshold):
        return x > threshold

    above.__module__ = era.__name__
    case = make(with_data("def data(s, rng, size):\n    return era.sum_data('0/1', rng, size)"))
    before = broken_key(case)
    monkeypatch.setattr(era, "sum_above", above)
    assert broken_key(case) != before


@pytest.mark.parametrize("word", ["CLIP", "OPTIMIZERS", "LABELS"])
def test_words_of_the_library_that_a_case_does_not_use_are_not(word, monkeypatch):
    case = reproductions.load("sin_fit")
    before = broken_key(case)
    monkeypatch.setattr(era, word, 0.0)
    assert broken_key(case) == before


@pytest.mark.parametrize("name", CASES)
def test_no_two_arms_share_a_key(name):
    case = reproductions.load(name)
    plan = plans.select(case, "all")
    assert len({row_key(case, setup) for setup in plan.values()}) == len(plan)


@pytest.mark.parametrize("name", CASES)
def test_a_key_is_twelve_hexadecimal_digits(name):
    assert re.fullmatch(r"[0-9a-f]{12}", broken_key(reproductions.load(name)))


def test_exams_of_another_size_have_another_key():
    plain, wide = toy.make(), toy.make(task=Regression(toy.target, also_from=0.1))
    assert broken_key(plain) != broken_key(wide)


def test_the_bar_is_in_the_key_of_a_case_without_a_file():
    assert broken_key(toy.make()) != broken_key(toy.make(solved=Solved("r2", 0.9)))


# Where a case's words can hide.


def test_arguments_of_two_partial_functions_are_both_in_the_key(make):
    source = with_data(
        "def draw(low, s, rng, size):\n    x = low + rng.random((*size, 1))\n"
        "    return x, x\n\n\ndata = functools.partial(draw, 0.25)"
    )
    other = changed(source, "(draw, 0.25)", "(draw, 0.75)")
    assert broken_key(make(source)) != broken_key(make(other))


def test_two_lambdas_are_both_in_the_key(make):
    source = changed(SOURCE, "    inputs=inputs,", "    inputs=lambda s, x, sample: x - 0.125,")
    source = changed(source, "data=data", "data=lambda s, rng, size: data(s, rng, size)")
    other = changed(source, "x - 0.125", "x - 0.375")
    assert broken_key(make(source)) != broken_key(make(other))


def test_a_helper_called_like_a_word_of_the_library_is_in_the_key(make):
    source = with_data(
        "def data(s, rng, size):\n    return sum_above(*era.sum_data('0/1', rng, size))",
        above="def sum_above(x, y):\n    return x, y",
    )
    other = changed(source, "return x, y", "return y, x")
    assert broken_key(make(source)) != broken_key(make(other))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        pytest.param("np.array([1.0, 2.0])", "np.array([1.0, 3.0])"),
        pytest.param("frozenset({1})", "frozenset({2})"),
        pytest.param("{1}", "{2}"),
        ("[1, 2]", "[1, 3]"),
        ("{'a': {'b': 1}}", "{'a': {'b': 2}}"),
        ("{'a': (scaled, 1)}", "{'a': (scaled, 2)}"),
    ],
)
def test_a_constant_of_any_kind_that_data_reads_is_in_the_key(make, value, other):
    body = "def data(s, rng, size):\n    x = rng.random((*size, 1))\n    return x, use(WORDS, x)"
    above = "def use(words, x):\n    return x\n\n\nWORDS = "
    sources = [with_data(body, above + text) for text in (value, other)]
    assert broken_key(make(sources[0])) != broken_key(make(sources[1]))


@pytest.mark.parametrize(
    "value",
    [
        "{'a': scaled}",
        pytest.param("(scaled, 1)"),
        pytest.param("[scaled]"),
        pytest.param("{'a': (scaled, 1)}"),
    ],
)
def test_a_constant_that_holds_a_function_is_in_the_key_by_its_text(make, value):
    body = f"WORDS = {value}\n\n\ndef data(s, rng, size):\n    return WORDS, s"
    source = with_data(body)
    other = changed(source, "SCALE * x", "SCALE * x + 1")
    # Two imports of one text differ in the addresses of their functions only.
    assert broken_key(make(source)) == broken_key(make(source))
    assert broken_key(make(source)) != broken_key(make(other))


def test_what_a_function_closes_over_is_in_the_key(make):
    body = (
        "def drawing(low):\n    def draw(s, rng, size):\n        x = low + rng.random((*size, 1))\n"
        "        return x, x\n\n    return draw\n\n\ndata = drawing(0.25)"
    )
    source = with_data(body)
    other = changed(source, "drawing(0.25)", "drawing(0.75)")
    assert broken_key(make(source)) != broken_key(make(other))


def test_a_property_of_the_setup_is_in_the_key(make):
    source = changed(
        SOURCE,
        "    num_samples: int = 20\n",
        "    num_samples: int = 20\n\n    @property\n    def half(self):\n        return 0.5\n",
    )
    source = changed(source, "Dense(s.width)", "Dense(s.width, use_bias=s.half > 0.4)")
    other = changed(source, "return 0.5", "return 0.25")
    assert broken_key(make(source)) != broken_key(make(other))


def test_a_class_that_the_model_uses_is_in_the_key(make):
    above = "class Halving:\n    def __call__(self, x):\n        return x / 2"
    body = "def data(s, rng, size):\n    x = rng.random((*size, 1))\n    return x, Halving()(x)"
    source = with_data(body, above)
    other = changed(source, "x / 2", "x / 4")
    assert broken_key(make(source)) != broken_key(make(other))


DRAW = "def data(s, rng, size):\n    x = rng.random((*size, 1))\n    return x, use(x)"
SCALING = "def scaling(low):\n    def inner(x):\n        return low * x\n\n    return inner\n\n\n"
INSTANCE = (
    "class Using:\n    def __init__(self, low):\n        self.low = low\n\n"
    "    def __call__(self, x):\n        return self.low * x\n\n\nuse = Using(0.25)"
)
# What: source above `data`, then what changes in it.
HIDDEN = {
    "the second function of one factory": (
        f"{SCALING}first = scaling(0.5)\nsecond = scaling(0.25)\n\n\n"
        "def use(x):\n    return first(second(x))",
        ("scaling(0.25)", "scaling(0.75)"),
    ),
    "an argument of a partial helper": (
        "use = functools.partial(curve, 2)",
        ("use = functools.partial(curve, 2)", "use = functools.partial(curve, 3)"),
    ),
    "a helper behind a decorator": (
        "@functools.lru_cache\ndef use(x):\n    return x / 2",
        ("x / 2", "x / 4"),
    ),
    "what a function in a tuple calls": (
        "PARTS = (indirect, 1)\n\n\ndef use(x):\n    return PARTS[0](x)",
        ("x + DEPTH", "x - DEPTH"),
    ),
    "an attribute of a callable": (INSTANCE, ("Using(0.25)", "Using(0.75)")),
    "the class of a callable": (INSTANCE, ("self.low * x", "self.low + x")),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_rows_go_stale_even_with(what, make):
    above, change = HIDDEN[what]
    source = with_data(DRAW, above)
    assert broken_key(make(source, "same")) != broken_key(make(changed(source, *change), "same"))


def test_a_property_that_the_setup_inherits_is_in_the_key(make):
    base = "class Base(Setup):\n    @property\n    def half(self):\n        return 0.5\n\n\n"
    source = changed(SOURCE, "@dataclasses.dataclass", f"{base}@dataclasses.dataclass")
    source = changed(source, "class Toy(Setup)", "class Toy(Base)")
    other = changed(source, "return 0.5", "return 0.25")
    assert broken_key(make(source)) != broken_key(make(other))


def test_a_function_as_an_argument_of_a_partial_one_has_the_same_key_in_every_process(make):
    source = changed(SOURCE, "(curve, 2)", "(curve, scaled)")
    assert broken_key(make(source)) == broken_key(make(source))


def test_words_of_a_docstring_may_leave_ascii(make):
    other = changed(SOURCE, '"""Draws."""', '"""Zieht Zufallsgrößen."""')
    assert broken_key(make(other)) == broken_key(make(SOURCE))


def test_a_ufunc_is_told_by_its_name():
    names = [broken_key(toy.make(task=Regression(word))) for word in (np.log, np.exp)]
    assert names[0] != names[1]


# plain_source, by hand.


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("x = 1\n", "x = 1"),
        ("x = 1  # one\n", "x = 1"),
        ("# one\nx = 1\n", "x = 1"),
        ("x = 1\n\n\n\ny = 2\n", "x = 1\ny = 2"),
        ("x = 1   \n", "x = 1"),
        ("x = '# one'\n", "x = '# one'"),
        ('def f():\n    """Words."""\n    return 1\n', "def f():\n    return 1"),
        ('def f():\n    """Words.\n\n    More.\n    """\n    return 1\n', "def f():\n    return 1"),
        ("def f():\n    'Words.'\n    return 1\n", "def f():\n    return 1"),
        ('def f():\n    """A # mark."""\n    return 1  # one\n', "def f():\n    return 1"),
        ('def f():\n    return """Not one."""\n', 'def f():\n    return """Not one."""'),
        (
            'def f():\n    """Out."""\n    def g():\n        """In."""\n        return 1\n',
            "def f():\n    def g():\n        return 1",
        ),
        pytest.param(
            'def f():\n    """Größe é."""\n    return 1\n',
            "def f():\n    return 1",
        ),
        ('def f():\n    """Größe.\n    """\n    return 1\n', "def f():\n    return 1"),
        ("x = 'é'  # é\n", "x = 'é'"),
        # Half a statement, as `inspect` gives for a lambda inside a call.
        ("    a=lambda x: x,  # one\n", "    a=lambda x: x,"),
        ("", ""),
    ],
)
def test_plain_source_by_hand(source, plain):
    assert plain_source(source) == plain


class WithoutDocstrings(ast.NodeTransformer):
    """Takes docstrings out of functions by way of the syntax tree."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.body = node.body[1:] if ast.get_docstring(node) else node.body
        return node


@pytest.mark.parametrize("module", [case_module, era, metrics, plans, streams])
def test_plain_source_still_means_the_same(module):
    functions = [f for _, f in inspect.getmembers(module, inspect.isfunction)]
    assert functions
    for function in functions:
        source = inspect.getsource(function)
        expected = ast.unparse(WithoutDocstrings().visit(ast.parse(source)))
        assert ast.unparse(ast.parse(plain_source(source))) == expected


@pytest.mark.parametrize("name", CASES)
def test_plain_source_of_plain_source_is_itself(name):
    text = plain_source(keys._source(reproductions.load(name).model))
    assert plain_source(text) == text


# The processor, in words.


def test_the_processor_is_named_with_family_and_model(monkeypatch):
    lines = ["processor\t: 0", "cpu family\t: 6", "model\t\t: 85", "model name\t: Some CPU", ""]
    text = "\n".join([*lines, *lines])
    monkeypatch.setattr(keys.pathlib.Path, "read_text", lambda self: text)
    assert keys.processor() == "Some CPU (family 6, model 85)"


def test_a_machine_without_that_file_still_has_text(monkeypatch):
    def missing(self):
        raise FileNotFoundError

    monkeypatch.setattr(keys.pathlib.Path, "read_text", missing)
    assert keys.processor()


# Versions, whichever distribution brought a package.


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Returns a function that installs a distribution, where there is no other."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    keys.version.cache_clear()

    def add(name, version, package, seconds=0):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        record = f"{package}/__init__.py,,\n{folder.name}/METADATA,,\n{folder.name}/RECORD,,\n"
        (folder / "RECORD").write_text(record)
        os.utime(folder / "RECORD", (seconds, seconds))

    yield add
    keys.version.cache_clear()


def test_a_version_is_that_of_the_plain_distribution():
    assert [keys.version(name) for name in keys.PACKAGES] == [
        metadata.version(name) for name in keys.PACKAGES
    ]


def test_a_version_is_found_whichever_distribution_brought_the_package(install, monkeypatch):
    for name, version, package in (
        ("keras-nightly", "3.99.0.dev1", "keras"),
        ("tensorflow-cpu", "2.99.0", "tensorflow"),
        ("tensorflow-helper", "1.0", "tensorflow_helper"),
        ("numpy", "2.9.0", "numpy"),
    ):
        install(name, version, package)
    made = keys.environment()
    assert [made[p] for p in keys.PACKAGES] == ["3.99.0.dev1", "2.99.0", "2.9.0"]
    # The slow part is done once.
    monkeypatch.setattr(metadata, "packages_distributions", None)
    assert keys.environment() == made


@pytest.mark.parametrize("last, version", [("keras", "3.10.0"), ("keras-nightly", "3.99.0.dev1")])
def test_of_two_that_brought_the_same_package_the_last_one_counts(install, last, version):
    for name, number in (("keras", "3.10.0"), ("keras-nightly", "3.99.0.dev1")):
        install(name, number, "keras", seconds=1 + (name == last))
    assert keys.version("keras") == version


def test_a_package_that_nothing_brought_is_named(install):
    with pytest.raises(SuiteError, match="keras, which is missing"):
        keys.version("keras")
