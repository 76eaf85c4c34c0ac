"""Implements the commands that train: a run of a case, and a case's evidence.

Heavy modules are imported when a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from typing import TYPE_CHECKING

from experiments.cases.errors import SuiteError, nearest
from experiments.cases.validation import TRAINERS
from experiments.cli.commands import ROOT, committed, results
from experiments.cli.console import print_note, quiet_softmax, rich_table
from experiments.cli.console import progress as shown_progress

if TYPE_CHECKING:
    from experiments.cases.case import Case
    from experiments.cases.setups import Setup

REFERENCE_SEEDS = 30


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of a run; see `options`.

    Attributes:
        seeds: Whole numbers.
        trainer: One of `TRAINERS`.
        full: Whether every documented step is trained.
        out: Folder to write, or "" for the default.
        fresh: Whether stored runs of that folder are discarded.
        cluster: Address of a Ray cluster, or "" for this machine.
        until_decided: Whether seeds are added until every verdict is decided; `seeds` is then
            the maximum.
        progress: Whether bars are shown.
    """

    seeds: list[int]
    trainer: str = TRAINERS[0]
    full: bool = False
    out: str | pathlib.Path = ""
    fresh: bool = False
    cluster: str = ""
    until_decided: bool = False
    progress: bool = True

    def folder(self, case: Case) -> pathlib.Path:
        """Returns the folder that a case is written to."""
        default = pathlib.Path("out") / case.name
        default = default if self.trainer == TRAINERS[0] else default / self.trainer
        return pathlib.Path(self.out or default)

    def plan(self, case: Case, arms: str) -> dict[str, Setup]:
        """Returns `{arm: setup}` of the arms to train."""
        from experiments.cases import plans

        _check_trainer(self.trainer)
        plan = plans.select(case, arms)
        return plan if self.full else plans.cut(plan, case.quick_steps)


def run_case(case: Case, arms: str, request: Request) -> None:
    """Trains one case, writes its results and prints them.

    Args:
        case: The `Case`.
        arms: Arms as of `--arms`, see `plans.select`.
        request: The `Request`.
    """
    from experiments.analysis.analysis import Analysis
    from experiments.cases.evidence import find_evidence
    from experiments.report import report

    plan, folder = request.plan(case, arms), request.folder(case)
    store = _open(folder, case, request.trainer, request.fresh)
    with store.lock(print_note):
        _refuse_stale(store)
        before = Analysis(case, find_evidence(case), store)
        outcome = _train_for(before, plan, request)
        analysis = before.anew()
        paths = report.write(analysis)
    _show(analysis)
    if outcome is not None:
        _show_decided(outcome)
    for path in paths:
        print(f"wrote {path}")
    evidence = committed(case)
    if evidence is not None and evidence.folder.resolve() != folder.resolve():
        from experiments.analysis import agreement

        print(agreement.line(case, store, plan, request.seeds, evidence))


def plan_case(case: Case, arms: str, request: Request) -> None:
    """Prints the estimated cost of a run and trains nothing; see `run_case`."""
    from experiments.analysis import planning

    plan = request.plan(case, arms)
    store = _open(request.folder(case), case, request.trainer, request.fresh)
    with quiet_softmax():
        found = planning.plan(case, plan, request.seeds, store, evidence=committed(case))
    _print_tables(planning.text_tables(found))
    print(f"{case.name}: {planning.headline(found)}")


def record_case(case: Case, trainer: str, *, fresh: bool, progress: bool) -> None:
    """Trains the runs that the case's evidence names, into `results/<case>`."""
    from experiments.analysis.analysis import Analysis
    from experiments.cases import plans
    from experiments.cases.evidence import Recorded, find_evidence
    from experiments.report import report

    _check_trainer(trainer)
    known = find_evidence(case)
    recorded = {
        "engine": known.recorded,
        "reference": (Recorded(known.reference_arm, REFERENCE_SEEDS),),
        "numpy": (known.numpy,) if known.numpy else (),
    }[trainer]
    if not recorded:
        print(f"{case.name}: no arm is trained in plain NumPy")
        return
    folder = results() / case.name
    folder = folder if trainer == TRAINERS[0] else folder / trainer
    store = _open(folder, case, trainer, fresh)
    with store.lock(print_note):
        for (arm, steps), count in store.stale().items():
            print(f"{case.name}: {count} stale rows of {arm} at {steps:,} steps go")
            store.drop(arm, steps)
        for line in recorded:
            plan = plans.cut(plans.select(case, line.arms, without=line.without), line.steps)
            _train(case, plan, list(range(line.num_seeds)), store, progress)
        # Other trainers' rows confirm the engine's figures; they have none of their own.
        analysis = Analysis(case, known, store)
        paths = report.write(analysis, pictures=analysis.is_engine)
    for path in paths:
        print(f"wrote {path.relative_to(ROOT)}")


def _refuse_stale(store):
    stale = sum(store.stale().values())
    if stale:
        raise SuiteError(
            f"{store.folder} holds rows of an older version of {store.case.name}; start over "
            f"with --fresh, or name another folder with --out. Received: "
            f"{stale} stale rows"
        )


def _train_for(analysis, plan, request):
    """Trains a plan as requested; returns an `Outcome` if seeds were added sequentially."""
    case, store = analysis.case, analysis.store
    with _chosen_executor(request.cluster) as choose_executor:
        if not request.until_decided:
            _train(case, plan, request.seeds, store, request.progress, choose_executor)
            return None
        from experiments.analysis import sequential

        def train(part, seeds):
            _train(case, part, seeds, store, request.progress, choose_executor)

        return sequential.until(analysis, plan, train, most_seeds=len(request.seeds))


@contextlib.contextmanager
def _chosen_executor(address):
    """Yields the function that chooses the executor of jobs: this machine's, or a cluster's."""
    from experiments.runs import executor

    if not address:
        yield executor.choose_executor
        return
    from experiments.runs import cluster

    # Its workers train on cores, and blocks must be as wide as cores train them.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with cluster.connect(address) as found:
        yield lambda jobs: found


def _train(case, plan, seeds, store, progress, choose_executor=None):
    from experiments.runs import executor, runner

    with quiet_softmax(), shown_progress(progress) as display:
        choose = choose_executor or executor.choose_executor
        trained, kept = runner.train(case, plan, seeds, store, display, choose_executor=choose)
    words = f", {kept:,} were there already" if kept else ""
    print(f"{case.name}: trained {trained:,} rows{words}")


def _show(analysis):
    """Prints the differences between the arms and the outcome of each."""
    from rich.console import Console

    from experiments.report import report

    case, console = analysis.case, Console()
    console.print(rich_table(report.difference_table(case), f"{case.name}: {case.shows}"))
    console.print(rich_table(report.outcome_table(analysis.outcomes), "outcome"))
    console.print(report.baseline_text(case))


def _show_decided(outcome):
    """Prints each verdict and the interim analysis that decided it."""
    _print_tables({"what was asked": outcome.text()})
    print(f"no more seeds were added: {outcome.stopped}")


def _print_tables(tables):
    from rich.console import Console

    console = Console()
    for title, table in tables.items():
        console.print(rich_table(table, title))


def _check_trainer(trainer):
    if trainer not in TRAINERS:
        raise SuiteError(
            f"--trainer must be engine, reference or numpy. Received: {trainer!r}."
            f"{nearest(trainer, TRAINERS)}"
        )


def _open(folder, case, trainer, fresh):
    from experiments.runs.store import Store
    from experiments.training.networks import check_backend

    check_backend()
    store = Store(folder, case, trainer, fresh)
    store.check_writable()
    return store
