"""The command line: of one case, and of the suite.

Room 12: the only module that prints or exits. Everything heavy is imported when a
command runs, so that `--help` and the list of cases answer at once.
"""

import contextlib
import pathlib
import re
import sys
import warnings
from typing import Annotated

import typer

from experiments.case import TRAINERS, SuiteError, nearest

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE_SEEDS = 30

Seeds = Annotated[
    str, typer.Option(help="How many seeds, counted from 0, or a range such as 100-199.")
]
Arms = Annotated[
    str,
    typer.Option(
        help="Arms, joined by commas: broken, fixed, fixes joined by '+', rivals' "
        "names, or the words lattice, rivals, all."
    ),
]
TrainerName = Annotated[
    str, typer.Option(help="engine (fast), reference (plain fit) or numpy (by hand).")
]
Full = Annotated[bool, typer.Option("--full", help="Train every documented step.")]
Out = Annotated[str, typer.Option(help="Folder to write; default out/<case>.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over in that folder.")]
Studies = Annotated[bool, typer.Option("--studies", help="The studies, and nothing else.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress bar.")]
Name = Annotated[str, typer.Argument(help="A case.")]
Replayed = Annotated[int | None, typer.Option("--seed", help="Train this seed again and watch it.")]
Names = Annotated[list[str], typer.Argument(help="Cases; all of them if none is named.")]


def main(case, arguments=None):
    """Runs one case's command line and exits the process.

    Args:
        case: The `Case`.
        arguments: The words after the command; those of the process by default.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command(help=f"{case.shows} Trains broken against fixed and reports.")
    def command(
        seeds: Seeds = "32",
        arms: Arms = "broken,fixed",
        trainer: TrainerName = "engine",
        full: Full = False,
        out: Out = "",
        fresh: Fresh = False,
        no_progress: NoProgress = False,
    ):
        run_case(
            case,
            parse_seeds(seeds),
            arms,
            trainer=trainer,
            full=full,
            out=out,
            fresh=fresh,
            progress=not no_progress,
        )

    exit_with(app, arguments)


def suite(arguments=None):
    """Runs the command line over all cases and exits the process."""
    import reproductions

    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.callback(invoke_without_command=True)
    def listing(context: typer.Context):
        """Documented neural-network failures, broken against fixed."""
        if context.invoked_subcommand is None:
            show_list([reproductions.load(name) for name in reproductions.names()])

    @app.command()
    def run(
        cases: Names = None,
        seeds: Seeds = "32",
        arms: Arms = "broken,fixed",
        trainer: TrainerName = "engine",
        full: Full = False,
        out: Out = "",
        fresh: Fresh = False,
        no_progress: NoProgress = False,
    ):
        """Trains several cases, one after the other."""
        from experiments import plans

        chosen, numbers = _load(cases), parse_seeds(seeds)
        for case in chosen:
            # All of them before any is trained: a word that fits one may not fit the next.
            plans.select(case, arms)
        for case in chosen:
            run_case(
                case,
                numbers,
                arms,
                trainer=trainer,
                full=full,
                out=str(pathlib.Path(out) / case.name) if out else "",
                fresh=fresh,
                progress=not no_progress,
            )

    @app.command()
    def report(cases: Names = None, out: Out = ""):
        """Rebuilds tables, figures and reports from stored runs, below results."""
        folder = pathlib.Path(out or ROOT / "results")
        for case in _load(cases):
            rebuild(case, folder / case.name)
        write_index(folder)

    @app.command()
    def record(
        cases: Names = None,
        trainer: TrainerName = "engine",
        studies: Studies = False,
        fresh: Fresh = False,
        no_progress: NoProgress = False,
    ):
        """Makes and refreshes the committed evidence below results."""
        for case in _load(cases):
            if studies:
                record_studies(case, progress=not no_progress)
            else:
                record_case(case, trainer, fresh=fresh, progress=not no_progress)
        write_index(ROOT / "results")

    @app.command()
    def explain(case: Name, seed: Replayed = None, arms: Arms = "broken,fixed"):
        """Explains a case on one screen; with --seed, trains that seed again and shows it."""
        (chosen,) = _load([case])
        if seed is None:
            explain_case(chosen)
        else:
            replay_seed(chosen, seed, arms)

    @app.command()
    def silently():
        """Runs the scripts on what today's Keras does silently, and writes their page."""
        from experiments import silently as scripts

        for path in scripts.refresh(ROOT / "results" / "silently", _load(None)):
            print(f"wrote {path.relative_to(ROOT)}")
        write_index(ROOT / "results")

    exit_with(app, arguments)


def _load(names):
    import reproductions

    return [reproductions.load(name) for name in names or reproductions.names()]


def exit_with(app, arguments):
    """Runs a command; what the user can mend becomes one line and an exit code."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, standalone_mode=False)
    except SuiteError as error:
        code = _complain(error, 1)
    except (KeyboardInterrupt, typer.Abort):
        code = _complain("stopped; finished blocks are kept, run again to go on", 130)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        code = _complain(error.format_message(), error.exit_code)
    sys.exit(code or 0)


def _complain(message, code):
    print(f"Error: {' '.join(str(message).split())}", file=sys.stderr)
    return code


def parse_seeds(text):
    """Returns the seeds that `--seeds` names.

    Args:
        text: A number N of at least 1, for seeds 0 to N - 1, or a range A-B.

    Raises:
        SuiteError: It is neither.
    """
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text.strip())
    if not found:
        raise SuiteError(
            f"--seeds must be a number such as 32 or a range such as 100-199. Received: {text!r}"
        )
    first, last = int(found[1]), found[2]
    seeds = range(first) if last is None else range(first, int(last) + 1)
    if not 1 <= len(seeds) <= 1_000_000:
        raise SuiteError(f"--seeds must name between 1 and 1,000,000 seeds. Received: {text!r}")
    return list(seeds)


def run_case(case, seeds, arms, *, trainer, full, out, fresh, progress):
    """Trains, writes and prints one case; see the options of `main`."""
    from experiments import plans

    plan = plans.select(case, arms)
    if not full:
        plan = plans.cut(plan, case.quick_steps)
    _check_trainer(trainer)
    default = pathlib.Path("out") / case.name
    folder = pathlib.Path(out or (default if trainer == "engine" else default / trainer))
    store = _open(folder, case, trainer, fresh)
    stale = sum(store.stale().values())
    if stale:
        raise SuiteError(
            f"{folder} holds rows of an older version of {case.name}; start over "
            f"with --fresh, or name another folder with --out. Received: "
            f"{stale} stale rows"
        )
    _train(case, plan, seeds, store, progress)
    paths = _write(case, store)
    _show(case, store)
    for path in paths:
        print(f"wrote {path}")
    committed = _committed(case)
    if committed is not None and committed.folder.resolve() != folder.resolve():
        from experiments import agreement

        print(agreement.line(case, store, plan, seeds, committed))


def record_case(case, trainer, *, fresh, progress):
    """Trains what the case calls its evidence, into `results/<case>`."""
    from experiments import plans
    from experiments.case import Evidence

    _check_trainer(trainer)
    if trainer == "numpy" and case.plain is None:
        print(f"{case.name}: no arm is trained in plain NumPy")
        return
    folder, evidence = ROOT / "results" / case.name, case.evidence
    if trainer != "engine":
        folder = folder / trainer
        alone = Evidence(case.reference_arm, REFERENCE_SEEDS)
        evidence = (alone,) if trainer == "reference" else (case.plain,)
    store = _open(folder, case, trainer, fresh)
    for (arm, steps), count in store.stale().items():
        print(f"{case.name}: {count} stale rows of {arm} at {steps:,} steps go")
        store.drop(arm, steps)
    for line in evidence:
        plan = plans.select(case, line.arms, without=line.without)
        _train(case, plans.cut(plan, line.steps), list(range(line.num_seeds)), store, progress)
    # The rows of other trainers bear out the engine's figures; they have none of their own.
    for path in _write(case, store, pictures=trainer == TRAINERS[0]):
        print(f"wrote {path.relative_to(ROOT)}")


def record_studies(case, *, progress):
    """Trains what the case's studies lack, into `results/<case>/studies`."""
    from experiments import studies

    with _progress(progress) as display:
        trained = studies.record(case, ROOT / "results" / case.name, progress=display)
    for name, num_cells in trained.items():
        print(f"{case.name}: trained {num_cells:,} cells of {name}")
    _write_studies(case, ROOT / "results" / case.name)


def _write_studies(case, folder):
    """Writes the page of the case's studies below a folder, if any is stored."""
    from experiments import study_pages

    for path in study_pages.write(case, folder / "studies"):
        print(f"wrote {path}")


def rebuild(case, folder):
    """Writes tables, figures and report of stored runs; trains nothing."""
    from experiments.store import Store

    if not (folder / "runs.csv").exists():
        raise SuiteError(
            f"{folder} holds no runs; train some with: python -m reproductions.{case.name}"
        )
    _write_studies(case, folder)
    for path in _write(case, Store(folder, case)):
        print(f"wrote {path}")


def explain_case(case):
    """Prints what the committed tables say of a case."""
    from experiments.explain import explain
    from experiments.store import Store

    print(explain(case, Store(ROOT / "results" / case.name, case)))


def replay_seed(case, seed, arms):
    """Trains one seed again, and prints its symptoms along the way."""
    from experiments.networks import check_backend
    from experiments.replay import replay

    if seed < 0:
        raise SuiteError(f"--seed must be a whole number of at least 0. Received: {seed}")
    check_backend()
    with _quiet_softmax():
        print(replay(case, seed, arms, store=_committed(case)))


def write_index(folder):
    """Writes the page above the reports of all cases that have runs there."""
    import reproductions
    from experiments import index
    from experiments.store import Store, write_whole

    cases = [reproductions.load(name) for name in reproductions.names()]
    found = {
        case: Store(folder / case.name, case)
        for case in cases
        if (folder / case.name / "runs.csv").exists()
    }
    if not found:
        return
    if folder == ROOT / "results":
        _write_beside(found, folder)
    write_whole(folder / "README.md", index.page(found, folder))
    print(f"wrote {folder / 'README.md'}")


def _write_beside(found, folder):
    """Writes the committed pages and tables that several cases share."""
    from experiments import faults, silently, tables
    from experiments.store import write_whole

    runs = {case: tables.runs(store) for case, store in found.items()}
    made = [one for store in found.values() for one in store.environments]
    write_whole(folder / "faults.csv", tables.to_csv(faults.table(runs)))
    write_whole(folder / "silently" / "README.md", silently.page(folder / "silently", runs, made))


def show_list(cases):
    """Prints the cases with what each shows."""
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "what it shows", "people search for", title="Cases")
    for case in cases:
        table.add_row(case.name, case.shows, case.symptom)
    console = Console()
    console.print(table)
    console.print("Run one with: python -m reproductions.sin_fit (--help for options)")


def _check_trainer(trainer):
    if trainer not in TRAINERS:
        raise SuiteError(
            f"--trainer must be engine, reference or numpy. Received: {trainer!r}."
            f"{nearest(trainer, TRAINERS)}"
        )


def _open(folder, case, trainer, fresh):
    from experiments.networks import check_backend
    from experiments.store import Store

    check_backend()
    store = Store(folder, case, trainer, fresh)
    store.check_writable()
    return store


def _committed(case):
    """Returns the store of the committed evidence, or `None`."""
    from experiments.store import Store

    folder = ROOT / "results" / case.name
    return Store(folder, case) if (folder / "runs.csv").exists() else None


def _write(case, store, pictures=True):
    from experiments import reports

    return reports.write(case, store, pictures)


def _train(case, plan, seeds, store, progress):
    from experiments import runner

    with _quiet_softmax(), _progress(progress) as display:
        trained, kept = runner.train(case, plan, seeds, store, display)
    words = f", {kept:,} were there already" if kept else ""
    print(f"{case.name}: trained {trained:,} rows{words}")


@contextlib.contextmanager
def _quiet_softmax():
    # One softmax unit is what a case is about; Keras warns of it at every trace.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are using a softmax over axis")
        yield


@contextlib.contextmanager
def _progress(wanted):
    from experiments.runner import Quiet

    if not wanted:
        yield Quiet()
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, refresh_per_second=4) as bars:
        yield Bars(bars)


class Bars:
    """A progress bar for each run, in updates summed over seeds."""

    def __init__(self, bars):
        self._bars, self._task = bars, None

    def start(self, name, total):
        """Begins a run's bar."""
        self._task = self._bars.add_task(name, total=total)

    def advance(self, updates):
        """Moves the bar."""
        self._bars.advance(self._task, updates)


def _show(case, store):
    """Prints what differs, and what came of each arm."""
    from rich.console import Console

    from experiments import reports, tables

    console = Console()
    console.print(rich_table(reports.difference_words(case), f"{case.name}: {case.shows}"))
    words = reports.outcome_words(case, tables.summary(tables.runs(store)))
    console.print(rich_table(words, "outcome"))
    console.print(reports.yardstick_words(case))


def rich_table(table, title):
    """Returns a table of text as Rich draws it."""
    from rich.table import Table

    drawn = Table(*table.columns, title=title, title_justify="left")
    for row in table.to_numpy():
        drawn.add_row(*(str(cell) for cell in row))
    return drawn
