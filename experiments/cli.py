"""The command line: of one case, and of the suite.

Room 17: the words and options of every command; what they do stands in the rooms below.
"""

import pathlib
import re
from typing import Annotated

import typer

from experiments import commands, publishing
from experiments.case import SuiteError
from experiments.screen import exit_with

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
Scenes = Annotated[
    bool, typer.Option("--scenes", help="What animations show beside the rows, and nothing else.")
]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress bar.")]
Name = Annotated[str, typer.Argument(help="A case.")]
Replayed = Annotated[int | None, typer.Option("--seed", help="Train this seed again and watch it.")]
Names = Annotated[list[str], typer.Argument(help="Cases; all of them if none is named.")]
CheckSeeds = Annotated[int, typer.Option("--seeds", help="How many fresh seeds of each arm.")]
FirstSeed = Annotated[int, typer.Option(help="The first of them; none may be stored.")]
CheckOut = Annotated[str, typer.Option("--out", help="Folder to write the comparison to.")]
Formats = Annotated[str, typer.Option("--format", help="Some of svg, png, pdf.")]
FilmFormats = Annotated[
    str, typer.Option("--format", help="Some of gif, mp4, png (the last picture).")
]
Theme = Annotated[str, typer.Option(help="Some of light, dark.")]
Width = Annotated[str, typer.Option(help="Some of column (600 pixels), wide (1,000).")]
PageOut = Annotated[str, typer.Option("--out", help="The file to write.")]
ExportArm = Annotated[str, typer.Option("--arm", help="An arm; broken if none is named.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print what --against changes in --arm.")]
Against = Annotated[str, typer.Option(help="The other arm of --diff.")]
Form = Annotated[str, typer.Option("--format", help="py (a script) or ipynb (a notebook).")]
ExportSeed = Annotated[int, typer.Option("--seed", help="The seed in the program.")]
ExportSteps = Annotated[int | None, typer.Option("--steps", help="Cut it to this many updates.")]
ExportOut = Annotated[str, typer.Option("--out", help="A new file; the screen if none is named.")]
FigureOut = Annotated[str, typer.Option("--out", help="Folder to write, a folder a case.")]


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
        commands.run_case(
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
            commands.show_list([reproductions.load(name) for name in reproductions.names()])

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
            commands.run_case(
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
        folder = pathlib.Path(out or commands.ROOT / "results")
        for case in _load(cases):
            commands.rebuild(case, folder / case.name)
        commands.write_index(folder)

    @app.command()
    def record(
        cases: Names = None,
        trainer: TrainerName = "engine",
        studies: Studies = False,
        scenes: Scenes = False,
        fresh: Fresh = False,
        no_progress: NoProgress = False,
    ):
        """Makes and refreshes the committed evidence below results."""
        for case in _load(cases):
            if studies:
                commands.record_studies(case, progress=not no_progress)
            elif scenes:
                commands.record_scenes(case, progress=not no_progress)
            else:
                commands.record_case(case, trainer, fresh=fresh, progress=not no_progress)
        commands.write_index(commands.ROOT / "results")

    @app.command()
    def check(
        cases: Names = None,
        seeds: CheckSeeds = 128,
        first_seed: FirstSeed = 1_000_000,
        out: CheckOut = "out/check",
        no_progress: NoProgress = False,
    ):
        """Holds fresh seeds against the committed evidence; exit code 1 if anything moved."""
        passed = commands.check_cases(
            _load(cases),
            pathlib.Path(out),
            num_seeds=seeds,
            first_seed=first_seed,
            progress=not no_progress,
        )
        raise typer.Exit(0 if passed else 1)

    @app.command()
    def explain(case: Name, seed: Replayed = None, arms: Arms = "broken,fixed"):
        """Explains a case on one screen; with --seed, trains that seed again and shows it."""
        (chosen,) = _load([case])
        if seed is None:
            commands.explain_case(chosen)
        else:
            commands.replay_seed(chosen, seed, arms)

    @app.command()
    def figures(
        cases: Names = None,
        formats: Formats = "svg,png",
        theme: Theme = "light",
        width: Width = "column",
        out: FigureOut = "out/figures",
    ):
        """Draws the figures of stored results for a blog, with captions; trains nothing."""
        looks = {"themes": theme, "widths": width}
        publishing.draw_figures(_load(cases), pathlib.Path(out), formats=formats, **looks)

    @app.command()
    def animate(
        cases: Names = None,
        formats: FilmFormats = "gif,mp4",
        theme: Theme = "light",
        width: Width = "column",
        out: FigureOut = "out/figures",
    ):
        """Makes films of stored results: one seed under every arm, and races of optimizers."""
        looks = {"themes": theme, "widths": width}
        publishing.animate(_load(cases), pathlib.Path(out), formats=formats, **looks)

    @app.command()
    def page(cases: Names = None, out: PageOut = "out/page.html"):
        """Writes a page to play with: one file of HTML, all cases, no network."""
        publishing.write_page(_load(cases), pathlib.Path(out))

    @app.command()
    def export(
        case: Name,
        arm: ExportArm = "",
        diff: Diff = False,
        against: Against = "fixed",
        form: Form = "py",
        seed: ExportSeed = 0,
        steps: ExportSteps = None,
        out: ExportOut = "",
    ):
        """Prints a program of plain Keras and NumPy, its diff, or a notebook."""
        (chosen,), form = _load([case]), "diff" if diff else form
        publishing.words_of(form, ("py", "ipynb", "diff"), "--format")
        arms = {"py": [arm or "broken"], "diff": [arm or "broken", against]}
        arms = arms.get(form, [arm] if arm else ["broken", "fixed"])
        publishing.export(chosen, arms, form, seed=seed, steps=steps, out=out)

    @app.command()
    def silently():
        """Runs the scripts on what today's Keras does silently, and writes their page."""
        from experiments import silently as scripts

        for path in scripts.refresh(commands.ROOT / "results" / "silently", _load(None)):
            print(f"wrote {path.relative_to(commands.ROOT)}")
        commands.write_index(commands.ROOT / "results")

    exit_with(app, arguments)


def _load(names):
    import reproductions

    return [reproductions.load(name) for name in names or reproductions.names()]


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
