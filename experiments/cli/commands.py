"""Implements the commands that check, rebuild and show stored results.

Each command is a function that prints. Heavy modules are imported when a command runs, so
that `--help` and the list of cases answer at once.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

from experiments.cases.errors import SuiteError
from experiments.cases.validation import TRAINERS
from experiments.cli.console import print_note, quiet_softmax, rich_table
from experiments.cli.console import progress as shown_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case
    from experiments.runs.store import Store

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Lines of a comparison on the screen; its file has all.
MOST_SHOWN = 10
SHOWN_COLUMNS = ["case", "arm", "metric", "moved by", "adjusted p", "alarm"]


def record_grids(case: Case, *, progress: bool) -> None:
    """Trains the missing configurations of the case's grids, into `results/<case>/studies`."""
    from experiments.analysis import grid_training

    store = results_store(case)
    with store.lock(print_note), shown_progress(progress) as display:
        trained = grid_training.record(case, store.folder, progress=display)
    for name, num_configurations in trained.items():
        print(f"{case.name}: trained {num_configurations:,} cells of {name}")
    _write_grids(case, store.folder)


def record_animations(case: Case, *, progress: bool) -> None:
    """Trains what the case's animations need besides its rows, and draws them."""
    from experiments.publish.animation import animations, slices, trajectories
    from experiments.report.style import make_theme

    store = results_store(case)
    with store.lock(print_note), quiet_softmax(), shown_progress(progress) as display:
        written = slices.record(case, store.folder, display)
        written += trajectories.record(case, store.folder, display)
        store.read()
    written += animations.write(case, store, make_theme(), store.folder / "figures", ["gif"])
    for path in written:
        print(f"wrote {path.relative_to(ROOT)}")


def check_cases(
    cases: Sequence[Case], folder: pathlib.Path, *, num_seeds: int, first_seed: int, progress: bool
) -> bool:
    """Compares a fresh sample with the committed evidence and prints what moved.

    Args:
        cases: List of `Case`.
        folder: Path of the folder that the comparison is written to.
        num_seeds: Number of seeds to train of each arm.
        first_seed: The first of them.
        progress: Whether bars are shown.

    Returns:
        Whether nothing moved.
    """
    from rich.console import Console

    from experiments.check import drift, drift_report

    analyses = {case: analysis_of(case) for case in cases}
    with quiet_softmax(), shown_progress(progress) as display:
        found = drift.check(analyses, num_seeds=num_seeds, first_seed=first_seed, progress=display)
    verdicts, questions = drift_report.verdict_table(found), drift_report.invariants_table(found)
    moved = drift_report.shown_table(found, most=MOST_SHOWN)[SHOWN_COLUMNS]
    shown: dict[str, Any] = {
        "what moved most": moved,
        "verdicts that changed": verdicts[verdicts["verdicts"] != "the same"],
        "exact questions that failed": questions[questions["answer"] != "holds"],
    }
    for title, table in shown.items():
        Console().print(rich_table(table, title) if len(table) else f"{title}: none")
    for path in drift_report.write(found, cases, folder):
        print(f"wrote {path}")
    print(drift_report.headline(found))
    return found.passed


def _write_grids(case, folder):
    """Writes the page of the case's grids below a folder, if any is stored."""
    from experiments.report import grid_report

    for path in grid_report.write(case, folder / "studies"):
        print(f"wrote {path}")


def rebuild(case: Case, folder: pathlib.Path) -> None:
    """Writes tables, figures and report of stored runs. Nothing is trained."""
    from experiments.analysis.analysis import Analysis
    from experiments.cases.evidence import find_evidence
    from experiments.report import report
    from experiments.runs.store import Store

    if not Store(folder, case).arms():
        raise SuiteError(
            f"{folder} holds no runs; train some with: python -m reproductions.{case.name}"
        )
    _write_grids(case, folder)
    for trainer in TRAINERS:
        place = folder if trainer == TRAINERS[0] else folder / trainer
        store = Store(place, case, trainer)
        if not store.arms():
            continue
        with store.lock(print_note):
            store.merge()
            # Other trainers' rows confirm the engine's figures; they have none of their own.
            analysis = Analysis(case, find_evidence(case), store)
            paths = report.write(analysis, pictures=analysis.is_engine)
        for path in paths:
            print(f"wrote {path}")


def explain_case(case: Case) -> None:
    """Prints what the committed tables say about a case."""
    from experiments.report.explain import explain

    print(explain(analysis_of(case)))


def replay_seed(case: Case, seed: int, arms: str) -> None:
    """Trains one seed again and prints its symptoms during training."""
    from experiments.analysis.replay import replay
    from experiments.training.networks import check_backend

    if seed < 0:
        raise SuiteError(f"--seed must be a whole number of at least 0. Received: {seed}")
    check_backend()
    with quiet_softmax():
        print(replay(case, seed, arms, store=committed(case)))


def write_index(folder: pathlib.Path) -> None:
    """Writes the index page of all cases that have runs in a folder."""
    import reproductions
    from experiments.report import case_figures, figure_files, index
    from experiments.report.style import make_theme
    from experiments.runs.files import write_whole

    cases = [reproductions.load(name) for name in reproductions.names()]
    there = [case for case in cases if (folder / case.name / "runs.csv").exists()]
    if not there:
        return
    found = {case: analysis_of(case, folder) for case in there}
    for analysis in found.values():
        analysis.need(*case_figures.NEEDED)
    spec = case_figures.summary(found)
    if folder == ROOT / "results":
        _write_beside(found, folder)
        readme = ROOT / "README.md"
        text = index.with_findings(readme.read_text(encoding="utf-8"), found, spec)
        write_whole(readme, text)
    for path in figure_files.write(spec, folder / "figures", make_theme(), spec.kept):
        print(f"wrote {path}")
    write_whole(folder / "README.md", index.page(found, folder, spec))
    print(f"wrote {folder / 'README.md'}")


def _write_beside(analyses, folder):
    """Writes the committed pages and tables that several cases share."""
    from experiments.analysis import fault_table, tables
    from experiments.report import undocumented
    from experiments.runs.files import write_whole

    write_whole(folder / "faults.csv", tables.to_csv(fault_table.table(analyses)))
    made = [one for analysis in analyses.values() for one in analysis.store.environments]
    text = undocumented.page(folder / "silently", analyses, made)
    write_whole(folder / "silently" / "README.md", text)


def show_list(cases: Sequence[Case]) -> None:
    """Prints the cases and what each shows."""
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "what it shows", "people search for", title="Cases")
    for case in cases:
        table.add_row(case.name, case.shows, case.symptom)
    console = Console()
    console.print(table)
    console.print("Run one with: python -m reproductions.sin_fit (--help for options)")


def results() -> pathlib.Path:
    """Returns the folder of the committed evidence.

    Raises:
        SuiteError: The package is installed without it.
    """
    folder = ROOT / "results"
    # In a checkout `record` makes it.
    if not folder.is_dir() and not (ROOT / "pyproject.toml").is_file():
        raise SuiteError(
            "This command needs the committed results, which are in the repository and not in "
            "the package; clone the repository, and there run: pip install -e . "
            f"Received: no folder {folder}"
        )
    return folder


def results_store(case: Case) -> Store:
    """Returns the store of `results/<case>`, whether it holds runs or not."""
    from experiments.runs.store import Store

    return Store(results() / case.name, case)


def analysis_of(case: Case, folder: pathlib.Path | None = None) -> Analysis:
    """Returns the `Analysis` of the stored tables of a case.

    Args:
        case: The `Case`.
        folder: Path of the folder that holds the case's folder; `results` by default.
    """
    from experiments.analysis.analysis import Analysis
    from experiments.cases.evidence import find_evidence
    from experiments.runs.store import Store

    store = Store((folder or results()) / case.name, case)
    return Analysis(case, find_evidence(case), store, stored=True)


def committed(case: Case) -> Store | None:
    """Returns the store of the committed evidence, or `None` if there is none."""
    there = (ROOT / "results" / case.name / "runs.csv").exists()
    return results_store(case) if there else None
