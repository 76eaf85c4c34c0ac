"""Defines the command line of one case and that of the suite.

This module holds the names and options of every command; the other modules implement them.
"""

import dataclasses
from typing import NoReturn

import typer

from experiments.cases.case import Case
from experiments.cases.evidence import with_evidence
from experiments.cli import commands, options, paths, publishing_commands, training_commands
from experiments.cli.console import exit_with


def main(case: Case, arguments: list[str] | None = None) -> NoReturn:
    """Runs one case's command line and exits the process.

    Args:
        case: The `Case`.
        arguments: The arguments after the command; those of the process by default.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.command(help=f"{case.shows} Trains broken against fixed and reports.")
    def command(
        seeds: options.Seeds = None,
        arms: options.Arms = "broken,fixed",
        trainer: options.TrainerName = "engine",
        full: options.Full = False,
        out: options.Out = "",
        fresh: options.Fresh = False,
        until_decided: options.UntilDecided = False,
        cluster: options.Cluster = "",
        plan: options.Plan = False,
        no_progress: options.NoProgress = False,
    ):
        request = training_commands.Request(
            seeds=options.requested_seeds(seeds, until_decided),
            trainer=trainer,
            full=full,
            out=paths.folder(out) if out else "",
            fresh=fresh,
            cluster=cluster,
            until_decided=until_decided,
            progress=not no_progress,
        )
        run = training_commands.plan_case if plan else training_commands.run_case
        run(with_evidence(case), arms, request)

    exit_with(app, arguments)


def suite(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line over all cases and exits the process.

    Args:
        arguments: The arguments after the command; those of the process by default.
    """
    import reproductions

    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.callback(invoke_without_command=True)
    def listing(context: typer.Context):
        """Documented neural-network failures, broken against fixed."""
        if context.invoked_subcommand is None:
            commands.show_list([reproductions.load(name) for name in reproductions.names()])

    @app.command()
    def run(
        cases: options.Names = None,
        seeds: options.Seeds = None,
        arms: options.Arms = "broken,fixed",
        trainer: options.TrainerName = "engine",
        full: options.Full = False,
        out: options.Out = "",
        fresh: options.Fresh = False,
        until_decided: options.UntilDecided = False,
        cluster: options.Cluster = "",
        no_progress: options.NoProgress = False,
    ):
        """Trains several cases, one after the other."""
        request = training_commands.Request(
            seeds=options.requested_seeds(seeds, until_decided),
            trainer=trainer,
            full=full,
            fresh=fresh,
            cluster=cluster,
            until_decided=until_decided,
            progress=not no_progress,
        )
        _each(training_commands.run_case, cases, arms, request, out)

    @app.command()
    def plan(
        cases: options.Names = None,
        seeds: options.Seeds = None,
        arms: options.Arms = "broken,fixed",
        trainer: options.TrainerName = "engine",
        full: options.Full = False,
        out: options.Out = "",
    ):
        """Estimates the cost of a run and the seeds it needs; stores no runs."""
        request = training_commands.Request(
            seeds=options.requested_seeds(seeds), trainer=trainer, full=full
        )
        _each(training_commands.plan_case, cases, arms, request, out)

    @app.command()
    def report(cases: options.Names = None, out: options.Out = ""):
        """Rebuilds tables, figures and reports from the stored runs below results."""
        folder = paths.folder(out) if out else commands.results()
        for case in _load(cases):
            commands.rebuild(case, folder / case.name)
        commands.write_index(folder)

    @app.command()
    def record(
        cases: options.Names = None,
        trainer: options.TrainerName = "engine",
        grids: options.Grids = False,
        animations: options.Animations = False,
        studies: options.Studies = False,
        scenes: options.Scenes = False,
        fresh: options.Fresh = False,
        no_progress: options.NoProgress = False,
    ):
        """Trains and updates the committed evidence below results."""
        for case in _load(cases):
            if grids or studies:
                commands.record_grids(case, progress=not no_progress)
            elif animations or scenes:
                commands.record_animations(case, progress=not no_progress)
            else:
                training_commands.record_case(case, trainer, fresh=fresh, progress=not no_progress)
        commands.write_index(commands.results())

    @app.command()
    def check(
        cases: options.Names = None,
        seeds: options.CheckSeeds = 128,
        first_seed: options.FirstSeed = 1_000_000,
        out: options.CheckOut = "out/check",
        no_progress: options.NoProgress = False,
    ):
        """Compares new seeds with the committed evidence; exit code 1 if a metric drifted."""
        passed = commands.check_cases(
            _load(cases),
            paths.folder(out),
            num_seeds=seeds,
            first_seed=first_seed,
            progress=not no_progress,
        )
        raise typer.Exit(0 if passed else 1)

    @app.command()
    def explain(
        case: options.Name, seed: options.Replayed = None, arms: options.Arms = "broken,fixed"
    ):
        """Explains a case on one screen; with --seed, retrains that seed and shows its course."""
        (chosen,) = _load([case])
        if seed is None:
            commands.explain_case(chosen)
        else:
            commands.replay_seed(chosen, seed, arms)

    @app.command()
    def figures(
        cases: options.Names = None,
        formats: options.Formats = "svg,png",
        theme: options.Theme = "light",
        width: options.Width = "column",
        out: options.FigureOut = "out/figures",
    ):
        """Draws figures of stored results, with captions; trains nothing."""
        styles = {"themes": theme, "widths": width}
        publishing_commands.draw_figures(_load(cases), paths.folder(out), formats=formats, **styles)

    @app.command()
    def animate(
        cases: options.Names = None,
        formats: options.AnimationFormats = "gif,mp4",
        theme: options.Theme = "light",
        width: options.Width = "column",
        out: options.FigureOut = "out/figures",
    ):
        """Renders animations of stored results: one seed under every arm, and optimizer races."""
        styles = {"themes": theme, "widths": width}
        publishing_commands.animate(_load(cases), paths.folder(out), formats=formats, **styles)

    @app.command()
    def page(cases: options.Names = None, out: options.PageOut = "out/page.html"):
        """Writes an interactive page: one HTML file with all cases, usable offline."""
        publishing_commands.write_page(_load(cases), paths.file(out))

    @app.command()
    def export(
        case: options.Name,
        arm: options.ExportArm = "",
        diff: options.Diff = False,
        against: options.Against = "fixed",
        form: options.Form = "py",
        seed: options.ExportSeed = 0,
        steps: options.ExportSteps = None,
        out: options.ExportOut = "",
    ):
        """Prints a case as a plain Keras and NumPy program, a diff of two arms, or a notebook."""
        (chosen,), form = _load([case]), "diff" if diff else form
        publishing_commands.option_values(form, ("py", "ipynb", "diff"), "--format")
        arms = {"py": [arm or "broken"], "diff": [arm or "broken", against]}
        arms = arms.get(form, [arm] if arm else ["broken", "fixed"])
        place = paths.file(out) if out else ""
        publishing_commands.export(chosen, arms, form, seed=seed, steps=steps, out=place)

    def undocumented():
        """Runs the scripts that show undocumented Keras behaviour, and writes their page."""
        from experiments.report import undocumented as scripts

        for path in scripts.refresh(commands.results() / "silently", _load(None)):
            print(f"wrote {path.relative_to(commands.ROOT)}")
        commands.write_index(commands.results())

    app.command()(undocumented)
    # Its earlier name, still accepted.
    app.command("silently", hidden=True)(undocumented)

    exit_with(app, arguments)


def _each(command, names, arms, request, out):
    """Runs a command for several cases, each in a folder of its own."""
    chosen, folder = _load(names), paths.folder(out) if out else None
    for case in chosen:
        # All of them before any is trained: a word that fits one may not fit the next.
        request.plan(case, arms)
    for case in chosen:
        there = folder / case.name if folder else ""
        command(case, arms, dataclasses.replace(request, out=there))


def _load(names):
    import reproductions

    return [reproductions.load(name) for name in names or reproductions.names()]
