"""Times the engine against `model.fit` and a hand-written JAX loop, from the command line.

    python -m experiments.benchmark [--only sin_fit] [--out results/benchmark]

All contenders of a row train the same seeds from the same weights on the same batches. They run in
turn, round after round, each in a process of its own. Every ratio is taken within a round; the
tables show the median over rounds, with the lowest and the highest value.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from experiments.benchmark import jax_contender, tables
from experiments.benchmark.contenders import PARTS
from experiments.benchmark.workers import Job, measure
from experiments.cases.errors import SuiteError, nearest
from experiments.cli import paths
from experiments.runs import files, keys
from experiments.stats import text

# Lines of a table, by title.
Tables = dict[str, list[dict[str, str]]]

SIZES = {1: 50, 8: 30, 32: 15, 128: 8, 512: 4}
CUT_SEEDS = 4


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        case: The case's name.
        num_seeds: Seeds that the engine and the JAX loop train.
        passes: Passes over the data that these make.
        fit_passes: Passes over the data that `fit` makes, with one seed.
        total_seeds: Seeds of the extrapolated total.
        target: `{contender: ratio}`: the least ratio of its cost to the engine's; `None`
            if the ratio is only reported.
    """

    case: str
    num_seeds: int
    passes: int
    fit_passes: int
    total_seeds: int
    target: dict[str, float | None]

    def jobs(self) -> list[Job]:
        """Returns the row's jobs, the engine's first."""
        many, one = (self.num_seeds, self.passes), (1, self.fit_passes)
        sizes = {"engine": many, "jax": many, "jax_tuned": many, "fit": one, "fit_stream": one}
        return [Job(name, self.case, *sizes[name]) for name in ("engine", *self.target)]


# At most 1.5 times the cost of the JAX loop is a ratio of at least 1 / 1.5.
ROWS = {
    "sin_fit": Row("sin_fit", 256, 20, 3, 1000, {"jax": 1.0, "jax_tuned": None, "fit": 1500}),
    "sin_fit_one_seed": Row(
        "sin_fit", 1, 100, 3, 1, {"jax": 1 / 1.5, "jax_tuned": None, "fit": 300}
    ),
    "sum_hinge": Row(
        *("sum_hinge", 1000, 150, 150, 1000),
        {"jax": None, "jax_tuned": None, "fit": 1500, "fit_stream": None},
    ),
    "ln_fit": Row("ln_fit", 16, 40, 10, 16, {"jax": 1.0, "jax_tuned": None, "fit": 16}),
}
SHARES = {"sin_fit": 20, "sum_hinge": 150, "ln_fit": 20}
NAMES = (*ROWS, "scaling", "shares")

NOTES = (
    "Contenders of a row start from the same weights and see the same batches; before "
    "anything is timed their weights are compared after at least 20 steps, and beyond a "
    "relative difference of 0.001 nothing is reported.",
    "A cost is seconds over steps over seeds. Engine and JAX loop make their batches "
    "ready (permutation, gather, stacking, by the same code) inside that time; `fit` is "
    "handed them ready. Drawing initial weights is left out for all.",
    "The engine runs in blocks and worker threads as the runner has it, TensorFlow on one "
    "thread a function, and logs loss and two accuracies at each step. JAX has its default "
    "threads and logs the loss. `jax` is `vmap` over seeds and `scan` over steps, all seeds "
    "at once or in blocks of about 128, whichever is faster; `jax_tuned` is the fastest of "
    "those and of narrower blocks, an unrolled loop and two Python threads. `fit` trains one "
    "seed for fewer steps, without metrics, on TensorFlow's default threads; an epoch is an "
    "epoch to it where a pass ends in a short batch, else all passes are one long epoch. "
    "`fit_stream` is `fit` served by one generator, so that no epoch costs it anything.",
    "Compiling is the first pass, building included, less what a pass costs later. Totals "
    "are extrapolated: one compilation, plus the median cost times seeds times the steps of "
    "the whole arm.",
    "Ratios are a contender's cost over the engine's in the same round: median (lowest to "
    "highest). Above 1 the engine is faster.",
    "Shares: one worker on one block, whole; then without its network, the optimizer fed "
    "the weights as if they were gradients; then with no training at all, only its input. "
    "Differences of the medians over rounds are forward/backward and optimizer; the latter "
    "includes turning the loop.",
)


def run(
    names: Iterable[str], repetitions: int, quick: bool
) -> tuple[Tables, list[dict[str, Any]], dict[str, str]]:
    """Measures the named comparisons.

    Args:
        names: Some of `NAMES`.
        repetitions: Rounds.
        quick: Whether every size is reduced to a minimum.

    Returns:
        `(found, raw, environment)`: `{title: lines of the table}`, one dict for each timing,
        and versions and hardware as text.
    """
    found, raw, environment = {}, [], {}
    for name in names:
        print(f"timing {name}", flush=True)
        parts = {"scaling": _scaling, "shares": _shares}
        section = parts.get(name) or functools.partial(_row, name)
        for title, lines, timings, made in section(repetitions, quick):
            found.setdefault(title, []).extend(lines)
            raw += timings
            environment = made
    return found, raw, environment


def _row(name, repetitions, quick):
    row = ROWS[name]
    if quick:
        size = dict(num_seeds=min(row.num_seeds, CUT_SEEDS), passes=1, fit_passes=1)
        row = dataclasses.replace(row, **size)
    measured, environment = _measure(row.jobs(), repetitions)
    raw = tables.raw_rows(name, row.jobs(), measured)
    yield "Costs", tables.cost_rows(name, row, measured), raw, environment
    yield "Figures", tables.ratio_rows(name, row, measured), [], environment


def _scaling(repetitions, quick):
    sizes = {1: 1, CUT_SEEDS: 1} if quick else SIZES
    jobs = [Job("engine", "sin_fit", *size) for size in sizes.items()]
    measured, environment = _measure(jobs, repetitions, compare=False)
    raw = tables.raw_rows("scaling", jobs, measured)
    yield "One seed against many: sin_fit", tables.scaling_rows(jobs, measured), raw, environment


def _shares(repetitions, quick):
    for name, passes in SHARES.items():
        size = (CUT_SEEDS, 1) if quick else (ROWS[name].num_seeds, passes)
        jobs = [Job(part, name, *size) for part in PARTS]
        measured, environment = _measure(jobs, repetitions, compare=False)
        raw = tables.raw_rows("shares", jobs, measured)
        yield "Where the time goes", [tables.share_row(name, jobs, measured)], raw, environment


def _measure(jobs, repetitions, compare=True):
    seconds, first, descriptions, environment = measure(jobs, repetitions, compare=compare)
    return tables.Measured(seconds, first, descriptions), environment


def environment_line(environment: dict[str, str]) -> str:
    """Returns versions, JAX's among them, and hardware as one line."""
    made = environment | {"jax": keys.version("jax")}
    return text.environment(made, (*text.VERSIONS, "jax"), ("system", "processor"))


def show(found: Tables, environment: dict[str, str]) -> None:
    """Prints the tables."""
    import pandas as pd
    from rich.console import Console

    from experiments.cli.console import rich_table

    console = Console()
    for title, lines in found.items():
        console.print(rich_table(pd.DataFrame(lines), title))
    for note in (*NOTES, environment_line(environment)):
        console.print(note, highlight=False)


def write(
    found: Tables,
    raw: Sequence[Mapping[str, Any]],
    environment: dict[str, str],
    folder: pathlib.Path,
) -> list[pathlib.Path]:
    """Writes `benchmark.csv` and `benchmark.md`; returns their paths."""
    import pandas as pd

    from experiments.report.report import markdown
    from experiments.runs.files import write_whole

    parts = ["# Benchmark", "Made by `python -m experiments.benchmark`, on:"]
    parts += [f"- {environment_line(environment)}"]
    for title, lines in found.items():
        parts += [f"## {title}", markdown(pd.DataFrame(lines))]
    parts += ["## How it is measured", "\n".join(f"- {note}" for note in NOTES)]
    texts = {
        "benchmark.csv": pd.DataFrame(raw).to_csv(index=False, lineterminator="\n"),
        "benchmark.md": "\n\n".join(parts) + "\n",
    }
    for name, content in texts.items():
        write_whole(folder / name, content)
    return [folder / name for name in texts]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line of the benchmark and exits the process."""
    from experiments.cli.console import exit_with

    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command()
    def command(
        repetitions: Annotated[int, typer.Option(min=1, help="Rounds.")] = 5,
        quick: Annotated[bool, typer.Option("--quick", help="Next to no work.")] = False,
        only: Annotated[str, typer.Option(help=f"One of {', '.join(NAMES)}.")] = "",
        out: Annotated[str, typer.Option(help="Folder to write; default: none.")] = "",
        device: Annotated[
            bool, typer.Option("--device", help="Instead, seeds a second on a GPU and the CPU.")
        ] = False,
    ):
        """Times the engine against model.fit and a JAX loop written by hand."""
        _check_name(only)
        if device:
            _time_devices(only or NAMES[0], repetitions, quick, _folder(out))
            return
        # Importing JAX here would change the log level of TensorFlow in the other processes.
        jax_contender.check_jax()
        folder = _folder(out)
        found, raw, environment = run([only] if only else NAMES, repetitions, quick)
        show(found, environment)
        for path in write(found, raw, environment, folder) if folder else ():
            print(f"wrote {path}")

    exit_with(app, arguments)


def _time_devices(name, repetitions, quick, folder):
    """Prints the seeds a second of each device, and writes them if there is a folder."""
    import pandas as pd

    from experiments.benchmark import devices
    from experiments.runs.files import write_whole

    replicas = (CUT_SEEDS,) if quick else devices.REPLICAS
    timings = devices.measure(name, replicas, repetitions=repetitions)
    for line in devices.lines(timings):
        print(line)
    if folder:
        table = pd.DataFrame([vars(timing) | {"median": timing.median} for timing in timings])
        write_whole(folder / "devices.csv", table.to_csv(index=False, lineterminator="\n"))
        print(f"wrote {folder / 'devices.csv'}")


def _check_name(name):
    if name and name not in NAMES:
        raise SuiteError(
            f"--only must be one of {', '.join(NAMES)}. Received: {name!r}.{nearest(name, NAMES)}"
        )


def _folder(out):
    """Makes the folder before anything is timed."""
    if not out:
        return None
    folder = paths.folder(out)
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
