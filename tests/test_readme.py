"""The README: what it tells a person to type works, and its picture is the house."""

import pathlib
import re

import reproductions

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_ci_calls_exactly_the_test_command():
    (line,) = [x for x in README.splitlines() if x.startswith("pip install") and "pytest" in x]
    assert line in (ROOT / ".ci/run").read_text().splitlines()


def test_the_picture_names_every_module_and_no_other():
    picture = README.split("```text")[1].split("```")[0]
    shown = set(re.findall(r"(\w+)\.py", picture)) - {"__main__"}
    library = {path.stem for path in (ROOT / "experiments").glob("*.py")} - {"__init__"}
    assert shown == library | set(reproductions.names())


def test_every_link_into_the_repository_leads_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_every_case_has_a_row_that_starts_from_its_symptom():
    table = README.split("## Two commands")[0]
    for name in reproductions.names():
        assert f"| `{name}` |" in table


def test_the_citation_and_the_licence_are_there():
    assert "cff-version" in (ROOT / "CITATION.cff").read_text()
    assert "CC BY 4.0" in (ROOT / "LICENSE").read_text()
