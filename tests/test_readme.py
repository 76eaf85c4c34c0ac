"""The documents: links, commands and the README's example work as printed."""

import os
import pathlib
import re
import runpy
import subprocess
import sys

import pandas as pd
import pytest

import reproductions

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "experiments/README.md",
    "reproductions/README.md",
    "results/METHODS.md",
)
OURS = r"python -m ((?:reproductions|experiments|tests)(?:\.\w+)*(?![.\w])[^`#\n|]*)"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def commands():
    """Every `python -m` command of the documents, its words joined by blanks."""
    texts = [re.sub(r"<!--.*?-->", "", read(name)) for name in DOCUMENTS]
    found = [words for text in texts for words in re.findall(OURS, text)]
    return sorted({" ".join(words.split()) for words in found})


def test_the_readme_stays_short():
    assert len(README.splitlines()) <= 150


def test_ci_calls_exactly_the_test_command():
    (line,) = [x for x in README.splitlines() if x.startswith("pip install") and "pytest" in x]
    assert line in (ROOT / ".ci/run").read_text().splitlines()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading(name):
    for target in re.findall(r"\]\(([^)]+)\)", read(name)):
        if target.startswith("http"):
            continue
        path, _, heading = target.partition("#")
        place = (ROOT / name).parent / path
        assert place.exists(), target
        if heading:
            lines = place.read_text(encoding="utf-8").splitlines()
            titles = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
            assert heading in [title.lower().replace(" ", "-") for title in titles], target


def test_every_module_named_for_newcomers_exists():
    text = read("experiments/README.md")
    for path in re.findall(r"`((?:\w+/)+\w+\.py)`", text):
        assert (ROOT / path).exists() or (ROOT / "experiments" / path).exists(), path


@pytest.mark.parametrize("command", commands())
def test_every_command_knows_its_options(command, monkeypatch, capsys):
    module, *words = command.split()
    # The name of a subcommand stands first; its help shows all of its options.
    subcommand = words[:1] if module == "reproductions" and words and words[0][0] != "-" else []
    monkeypatch.setattr(sys, "argv", [module, *subcommand, "--help"])
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as end:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    shown = capsys.readouterr().out
    assert not end.value.code
    for option in [word for word in words if word.startswith("--")]:
        assert option in shown, option


def test_the_example_fails_broken_and_solves_fixed_as_printed(tmp_path):
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "parabola.py").write_text(source, encoding="utf-8")
    assert "`python parabola.py --seeds 64`" in README
    subprocess.run(
        [sys.executable, "parabola.py", "--seeds", "64", "--no-progress", "--out", "found"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=600,
    )
    summary = pd.read_csv(tmp_path / "found" / "summary.csv")
    solved = summary[summary["metric"] == "solved"].set_index("arm")
    assert (solved["num_seeds"] == 64).all()
    assert solved.loc["broken", "high"] < 0.2
    assert solved.loc["fixed", "low"] > 0.8


def test_every_case_has_a_row_that_starts_from_its_symptom():
    for name in reproductions.names():
        case = reproductions.load(name)
        assert f"| {case.symptom} | [`{name}`](results/{name}/report.md) |" in README


def test_the_citation_and_the_licence_are_there():
    assert "cff-version" in (ROOT / "CITATION.cff").read_text()
    assert "CC BY 4.0" in (ROOT / "LICENSE").read_text()
