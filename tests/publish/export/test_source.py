"""Functions written anew: with settings put in they do what they did, and no setting is left."""

import ast
import dataclasses
import functools
import math
import re
import statistics
from math import tau

import numpy as np
import pytest

from experiments import Setup, SuiteError
from experiments.publish.export import layout
from experiments.publish.export.folding import Fold
from experiments.publish.export.source import COUNT, Source

OFFSETS = {"low": -1.0, "high": 2.0}
CENTRES = np.array([0.25, 0.75])
CURVES = {
    "wave": np.sin,
    "power": lambda x, exponent=2: x**exponent,
    "line": functools.partial(np.multiply, 3.0),
}


@dataclasses.dataclass(frozen=True)
class Options(Setup):
    kind: str = "wave"
    level: str = "low"
    scale: float = 1.0
    shift: float = 0.0
    hidden: tuple = (3, 4)
    steps: int = 5
    batch_size: int = 2

    @property
    def twice(self):
        return 2 * self.scale

    def moved(self, x):
        return x + self.shift


def scaled(x, by=2.0, *, again=1.0):
    """Scales x. Nothing more."""
    return again * by * x


def chosen(s, x):
    if s.kind == "wave":
        return np.sin(x)
    if s.kind == "power":
        return x**2
    return x - 1


def dispatched(s, x):
    return CURVES[s.kind](x)


def looked_up(s, x):
    return x + OFFSETS[s.level] * CENTRES[0]


def short_circuit(s, x):
    y = s.shift and x / s.shift
    return x + (y if s.shift else 0.0)


def neutral(s, x):
    return s.shift + (1 - s.shift) * s.scale * x


def with_helper(s, x):
    return scaled(x, s.twice, again=s.scale) + scaled(x)


def with_method(s, x):
    return s.moved(x) + len(s.hidden) + max(s.hidden)


def set_anew(s, x, kind="power"):
    kind = kind + s.level
    return x * len(kind)


def spread(s, x):
    return np.add(*(x, *s.hidden)[:2]) + sum((*s.hidden, 1))


def in_a_loop(s, x):
    total = 0.0
    for place, units in enumerate(s.hidden):
        total += place * units + math.pi * tau
    return x + total


def of_a_method_of_text(s, x):
    return getattr(np, "cos" if s.kind.startswith("w") else "tanh")(x)


def by_a_module(s, x, tools=np):
    return tools.square(x) * s.scale


def counted_down(s, x, depth=2):
    return x if depth == 0 else counted_down(s, x + s.scale, depth - 1)


def local_import(s, x):
    import numpy

    return numpy.hypot(x, s.scale)


FUNCTIONS = (chosen, dispatched, looked_up, short_circuit, neutral, with_helper, with_method)
FUNCTIONS += (set_anew, spread, in_a_loop, of_a_method_of_text, counted_down, local_import)
FUNCTIONS += (by_a_module,)
SETUPS = (
    Options(),
    Options(kind="power", level="high", scale=0.1, shift=0.5),
    Options(kind="line", scale=3.0, shift=-1.0, hidden=(7,)),
)


def made(function, known, **more):
    """Returns the text of a written function, and the function that the text defines."""
    source = Source("case")
    written = source.write(function, known, **more)
    text = "\n\n".join([*sorted(source.imports), *source.functions])
    names = {}
    exec(compile(text, "written", "exec"), names)
    return text, names[written.name], written


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_written_function_does_what_the_function_does(function, setup):
    x = np.array([0.1, 0.5, 2.0])
    _, found, _ = made(function, {"s": setup})
    np.testing.assert_allclose(found(x), function(setup, x), rtol=1e-12)


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_setting_and_no_choice_is_left_in_it(function, setup):
    text, _, written = made(function, {"s": setup})
    assert not re.search(r"\bs\b|CURVES|OFFSETS|CENTRES|Options", text)
    assert not [n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.If, ast.IfExp))]
    assert written.parameters == ("x",)


def test_only_the_chosen_way_is_left():
    text, _, _ = made(chosen, {"s": Options(kind="power")})
    assert text == "def chosen(x):\n    return x ** 2"


def returns_early(s, x):
    if s.kind == "power":
        return x
    return scaled(x)


def test_what_stands_behind_a_return_asks_for_no_function():
    assert "scaled" not in made(returns_early, {"s": Options(kind="power")})[0]
    assert "scaled" in made(returns_early, {"s": Options()})[0]


def test_what_changes_nothing_is_left_out():
    text, _, _ = made(neutral, {"s": Options()})
    assert text.endswith("return x")


def test_a_function_is_written_once_for_each_set_of_values():
    text, _, _ = made(with_helper, {"s": Options(scale=4.0)})
    assert text.count("def scaled(x):") == 1
    assert text.count("def scaled_2(x):") == 1
    assert "return 32.0 * x" in text
    assert "return 2.0 * x" in text


def test_a_docstrings_first_line_is_kept():
    text, _, _ = made(scaled, {})
    assert '"""Scales x. Nothing more."""' in text


def data(s, rng, size):
    x = rng.random((*size, 2))
    return x, np.zeros((size[0], 1)) + len(size)


def test_the_shape_of_a_draw_becomes_a_count():
    size = ast.Tuple([ast.Name(COUNT, ast.Load())], ast.Load())
    text, found, written = made(data, {"s": Options(), "size": size})
    assert written.parameters == ("rng", COUNT)
    assert f"rng.random(({COUNT}, 2))" in text
    wanted = data(Options(), np.random.default_rng(0), (6,))
    for one, other in zip(found(np.random.default_rng(0), 6), wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def passed_on(s, rng, x):
    return inner(rng, x, s.scale)


def inner(rng, x, factor):
    return factor * x + rng


def test_a_function_that_only_passes_on_is_left_out():
    text, _, written = made(passed_on, {"s": Options(scale=2.5)})
    assert written.name == "inner"
    assert "passed_on" not in text


def unread(s, x, sample):
    return x * s.scale


def test_a_parameter_that_nothing_reads_is_gone():
    _, _, written = made(unread, {"s": Options()})
    assert written.parameters == ("x",)


def test_one_parameter_may_stand_for_another():
    def inputs(s, x, sample):
        return x - sample.mean()

    _, found, written = made(inputs, {"s": Options(), "sample": ast.Name("x", ast.Load())})
    assert written.parameters == ("x",)
    assert found(np.array([1.0, 3.0])).tolist() == [-1.0, 1.0]


def test_a_lambda_takes_the_name_of_its_role():
    _, found, written = made(lambda x: x + 1, {}, role="target")
    assert written.name == "target"
    assert found(1) == 2


def test_two_lambdas_on_one_line_are_told_apart():
    first, second = (lambda x: x + 1, lambda x: x + 2)
    assert made(first, {})[1](0) == 1
    assert made(second, {})[1](0) == 2


def test_what_a_function_encloses_is_put_in():
    def maker(factor):
        return lambda x: factor * x

    assert made(maker(7), {})[1](2) == 14
    assert "7 * x" in made(maker(7), {})[0]


def test_a_partial_is_written_with_what_is_bound():
    text, found, _ = made(functools.partial(scaled, by=5.0), {})
    assert found(2.0) == 10.0
    assert "5.0" in text


@pytest.mark.parametrize(
    ("value", "expression"),
    [
        (np.log, "np.log"),
        (math.sqrt, "math.sqrt"),
        (abs, "abs"),
        ((1, "a", None), "(1, 'a', None)"),
        ({"a": [np.sin]}, "{'a': [np.sin]}"),
        (np.array([1, 2]), "np.array([1, 2])"),
    ],
)
def test_a_value_is_named_as_one_would_type_it(value, expression):
    source = Source("case")
    assert source.reference(value) == expression
    assert ("import numpy as np" in source.imports) == ("np." in expression)


def test_a_name_that_the_script_uses_itself_is_not_taken():
    source = Source("case", taken=("scaled",))
    assert source.write(scaled).name == "scaled_2"


FOREIGN_OBJECT = statistics.NormalDist()


def reads_a_foreign_object(s, x):
    return FOREIGN_OBJECT.mean + undefined_of_its_kind(x)


def undefined_of_its_kind(x):
    return FOREIGN_OBJECT, x


def spread_unknown(s, x):
    return scaled(*x)


@pytest.mark.parametrize(
    ("function", "received"),
    [
        (reads_a_foreign_object, "NormalDist"),
        (spread_unknown, r"the call scaled\(\*x\)"),
        (eval("lambda s, x: x"), "whose source is not at hand"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(function, received):
    message = f"case: its functions cannot be written as a plain script.*Received: .*{received}"
    with pytest.raises(SuiteError, match=message):
        Source("case").write(function, {"s": Options()})


# Folding alone.


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a + 1", "3"),
        ("x + a", "x + 2"),
        ("x * (a - 1)", "x"),
        ("(x > 0) * (a - 1)", "(x > 0) * 1"),
        ("a / 3", "2 / 3"),
        ("a / 4", "0.5"),
        ("x if a > 1 else y", "x"),
        ("x if y else a", "x if y else 2"),
        ("a == 2 and x", "x"),
        ("a == 3 or x", "x"),
        ("a == 3 and x", "False"),
        ("not a", "False"),
        ("[x, *t]", "[x, 1, 2]"),
        ("f(*t, **d)", "f(1, 2, k=3)"),
        ("t[0] + t[1:][0]", "3"),
        ("'a,b'.split(x)", "'a,b'.split(x)"),
        ("[a for a in y]", "[a for a in y]"),
        ("len(t) * x", "2 * x"),
        ("1 <= a < 3", "True"),
    ],
)
def test_what_is_known_is_worked_out_and_the_rest_stays(text, left):
    known = {"a": 2, "t": (1, 2), "d": {"k": 3}}
    nodes = {k: ast.Constant(v) for k, v in known.items()}
    fold = Fold(nodes, lambda node: node, lambda called, node: node)
    found = fold.fold(ast.parse(text, mode="eval"))
    assert ast.unparse(ast.fix_missing_locations(found)) == left


# Layout.


@pytest.mark.parametrize(
    ("code", "laid"),
    [
        ("x = 'a'", 'x = "a"'),
        ("x = 'a\"b'", "x = 'a\"b'"),
        ("x = 1000000 + 1e-08 + 1e+16 + 9999", "x = 1_000_000 + 1e-8 + 1e+16 + 9999"),
        ("def f():\n    return (a, b)", "def f():\n    return a, b"),
        ("def f():\n    return (a)(b, c)", "def f():\n    return (a)(b, c)"),
        ("(x, y) = (1, 2)", "(x, y) = 1, 2"),
    ],
)
def test_code_is_laid_out_as_people_write_it(code, laid):
    assert layout.tidy(code) == laid


def test_a_long_line_has_its_bracket_opened_and_means_the_same():
    code = f"x = f({', '.join(f'argument_{n}=g({n}, [{n}, {n}])' for n in range(6))})"
    laid = layout.tidy(code)
    assert max(map(len, laid.splitlines())) <= layout.WIDTH
    assert ast.dump(ast.parse(laid)) == ast.dump(ast.parse(code))
    assert laid.splitlines()[1] == "    argument_0=g(0, [0, 0]),"


def test_a_long_line_whose_arguments_fit_below_keeps_them_together():
    code = f"x = {'f' * 60}({'a' * 20}, {'b' * 20})"
    assert layout.tidy(code).splitlines()[1] == f"    {'a' * 20}, {'b' * 20}"


def test_a_comma_in_a_text_or_a_lambda_parts_nothing():
    code = f"x = f('{'a, ' * 40}', lambda p, q: p, {'b' * 20})"
    laid = layout.tidy(code)
    assert ast.dump(ast.parse(laid)) == ast.dump(ast.parse(code))


def test_imports_stand_in_the_common_order():
    lines = {"import numpy as np", "from keras import ops", "import math", "import keras"}
    wanted = "import math\n\nimport keras\nimport numpy as np\nfrom keras import ops"
    assert layout.imports(lines) == wanted
