"""The options of the command line: their words, their help, and what a number of seeds is.

Room 1: no command and no case.
"""

import re
from typing import Annotated

import typer

from experiments.cases.errors import SuiteError

MOST_SEEDS = 1_000_000
# Keras takes none beyond it.
LARGEST_SEED = 2**32 - 1

Seeds = Annotated[
    str | None,
    typer.Option(
        help="How many seeds, counted from 0, or a range such as 100-199; default 32. With "
        "--until-decided the most; default 1024."
    ),
]
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided", help="Add seeds (32, 64, 128, ...) until every verdict is decided."
    ),
]
Cluster = Annotated[
    str,
    typer.Option(
        help="Train on a Ray cluster: its address, or local for one on this machine's cores."
    ),
]
Plan = Annotated[bool, typer.Option("--plan", help="Say what it would cost; train nothing.")]
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
Replayed = Annotated[
    int | None,
    typer.Option("--seed", max=LARGEST_SEED, help="Train this seed again and watch it."),
]
Names = Annotated[list[str] | None, typer.Argument(help="Cases; all of them if none is named.")]
CheckSeeds = Annotated[
    int, typer.Option("--seeds", max=MOST_SEEDS, help="How many fresh seeds of each arm.")
]
FirstSeed = Annotated[
    int,
    typer.Option(
        min=0, max=LARGEST_SEED - MOST_SEEDS, help="The first of them; none may be stored."
    ),
]
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
ExportSeed = Annotated[
    int, typer.Option("--seed", max=LARGEST_SEED, help="The seed in the program.")
]
ExportSteps = Annotated[int | None, typer.Option("--steps", help="Cut it to this many updates.")]
ExportOut = Annotated[str, typer.Option("--out", help="A new file; the screen if none is named.")]
FigureOut = Annotated[str, typer.Option("--out", help="Folder to write, a folder a case.")]


def asked_seeds(text, until_decided=False):
    """Returns the seeds asked for; with looks at more and more of them, the most."""
    if not until_decided:
        return parse_seeds("32" if text is None else text)
    seeds = parse_seeds("1024" if text is None else text)
    if seeds[0] != 0:
        raise SuiteError(
            "With --until-decided, seeds are counted from 0: --seeds names the most. "
            f"Received: {text!r}"
        )
    return seeds


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
    if not 1 <= len(seeds) <= MOST_SEEDS:
        raise SuiteError(
            f"--seeds must name between 1 and {MOST_SEEDS:,} seeds. Received: {text!r}"
        )
    return list(seeds)
