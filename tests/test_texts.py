"""No number in a text is typed by hand: it is drawn from a table, or is a constant of a program."""

import ast
import dataclasses
import pathlib
import re

import pytest

import reproductions
from experiments.cases.evidence import find_evidence

ROOT = pathlib.Path(__file__).parent.parent
CASES = reproductions.names()
# Packages whose strings people read; the modules left out hold formats or name places of a file.
PACKAGES = ("analysis", "report", "check", "publish/page")
LEFT_OUT = {"grid_file", "drift", "page_charts", "plots"}
WRITERS = sorted(
    path.relative_to(ROOT / "experiments")
    for package in PACKAGES
    for path in (ROOT / "experiments" / package).glob("*.py")
    if path.stem not in LEFT_OUT
)
# What a text may say because it is the method's own: confidence, the one rule's bars,
# the margins of a difference, names that hold a digit.
METHOD = r"95%|80%|\bR2\b|Keras 1\b|L2\b|(?:class|labels?) -?[01]\b|0\.05|1\.25|\b5 points"
METHOD += r"|threshold 0\.5|\([01], \.\.\., [01]\)|10,000 fresh points|\(2020\)"
METHOD += r"|seeds 0, 1, 2,|string of 0 and 1|below 1\b"
METHOD += r"|above 99\.9%|factor 2\b|0\.10|(?:first|last) 100 batches|100 batches|1 less|-1/\+1"
NUMBER = re.compile(r"(?<![\w.{%:])-?\d[\d,]*(?:\.\d+)?(?![\w}])")


def spoken(path):
    """Yields the text that a module's strings hold: no docstring, no format, no key."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    silent = set()
    for node in ast.walk(module):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node):
                silent.add(id(node.body[0].value))
        elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            silent |= {id(part) for part in ast.walk(node.format_spec)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
            silent |= {id(part) for part in ast.walk(node)}
    for node in ast.walk(module):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        # A text has words: a name of a column or a format has no space.
        if text and id(node) not in silent and " " in node.value.strip():
            yield node.value


@pytest.mark.parametrize("name", WRITERS, ids=str)
def test_a_module_that_writes_texts_types_no_number(name):
    path = ROOT / "experiments" / name
    found = [(n, text) for text in spoken(path) for n in NUMBER.findall(re.sub(METHOD, "", text))]
    assert not found


def numbers_of(value):
    """Yields every number that a value of a case holds, however deep."""
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, (int, float)):
        yield float(value)
    elif isinstance(value, str):
        yield from (float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", value))
    elif isinstance(value, dict):
        for item in (*value, *value.values()):
            yield from numbers_of(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from numbers_of(item)


def constants(case):
    """Every number that is a constant of the programs, the exam or a question."""
    arms = [case.broken, case.fixed, *(case.arm(name) for name in case.variants)]
    known = find_evidence(case)
    asked = [item.tests for item in (*known.claims, *known.interventions)]
    found = set(numbers_of([arms, vars(case.task), case.solved, asked, list(case.fixes)]))
    found |= set(numbers_of([grid.axes for grid in known.grids]))
    return found | {abs(number) for number in found} | set(range(11))


@pytest.mark.parametrize("name", CASES)
def test_a_claim_speaks_only_of_constants_of_its_programs(name):
    case = reproductions.load(name)
    known, evidence = constants(case), find_evidence(case)
    texts = [(c.says, c.note, c.untestable) for c in evidence.claims]
    texts += [(c.cause, c.by) for c in evidence.interventions]
    for text in (part for parts in texts for part in parts):
        for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text):
            assert float(number.replace(",", "").rstrip(",")) in known, text
