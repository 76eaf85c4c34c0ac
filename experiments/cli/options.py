"""Declares the options of the command line and parses `--seeds`.

It knows no command and no case.
"""

from __future__ import annotations

import re
from typing import Annotated

import typer

from experiments.cases.errors import SuiteError

MOST_SEEDS = 1_000_000
# Keras accepts no larger seed.
LARGEST_SEED = 2**32 - 1

Seeds = Annotated[
    str | None,
    typer.Option(
        help="Number of seeds, counted from 0, or a range such as 100-199; default 32. With "
        "--until-decided the maximum; default 1024."
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
Plan = Annotated[bool, typer.Option("--plan", help="Print the estimated cost; train nothing.")]
Arms = Annotated[
    str,
    typer.Option(
        help="Arms, joined by commas: broken, fixed, fixes joined by '+', names of variants, or "
        "combinations (of all fixes), variants, all."
    ),
]
TrainerName = Annotated[
    str, typer.Option(help="engine (fast), reference (Keras fit) or numpy (no framework).")
]
Full = Annotated[bool, typer.Option("--full", help="Train all documented steps.")]
Out = Annotated[str, typer.Option(help="Output folder; default out/<case>.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Discard stored runs of the output folder.")]
Grids = Annotated[bool, typer.Option("--grids", help="Record only the grids of options.")]
Animations = Annotated[
    bool, typer.Option("--animations", help="Record only what the animations need beside the rows.")
]
# Earlier names of the two, still accepted.
Studies = Annotated[bool, typer.Option("--studies", hidden=True)]
Scenes = Annotated[bool, typer.Option("--scenes", hidden=True)]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Show no progress bars.")]
Name = Annotated[str, typer.Argument(help="Name of a case.")]
Replayed = Annotated[
    int | None,
    typer.Option("--seed", max=LARGEST_SEED, help="Retrain this seed and show its course."),
]
Names = Annotated[list[str] | None, typer.Argument(help="Names of cases; default all.")]
CheckSeeds = Annotated[
    int, typer.Option("--seeds", max=MOST_SEEDS, help="Number of new seeds per arm.")
]
FirstSeed = Annotated[
    int,
    typer.Option(
        min=0, max=LARGEST_SEED - MOST_SEEDS, help="First new seed; stored seeds are refused."
    ),
]
CheckOut = Annotated[str, typer.Option("--out", help="Output folder of the comparison.")]
Formats = Annotated[
    str, typer.Option("--format", help="File formats, joined by commas: svg, png, pdf.")
]
AnimationFormats = Annotated[
    str,
    typer.Option("--format", help="File formats, joined by commas: gif, mp4, png (last frame)."),
]
Theme = Annotated[str, typer.Option(help="Themes, joined by commas: light, dark.")]
Width = Annotated[
    str, typer.Option(help="Widths, joined by commas: column (600 pixels), wide (1,000).")
]
PageOut = Annotated[str, typer.Option("--out", help="Output file.")]
ExportArm = Annotated[str, typer.Option("--arm", help="Arm to export; default broken.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print the diff from --arm to --against.")]
Against = Annotated[str, typer.Option(help="Second arm of --diff.")]
Form = Annotated[str, typer.Option("--format", help="py (a script) or ipynb (a notebook).")]
ExportSeed = Annotated[int, typer.Option("--seed", max=LARGEST_SEED, help="Seed of the program.")]
ExportSteps = Annotated[int | None, typer.Option("--steps", help="Maximum number of updates.")]
ExportOut = Annotated[str, typer.Option("--out", help="New output file; default standard output.")]
FigureOut = Annotated[
    str, typer.Option("--out", help="Output folder, with one subfolder per case.")
]


def requested_seeds(text: str | None, until_decided: bool = False) -> list[int]:
    """Returns the seeds to train.

    Args:
        text: The value of `--seeds`, or `None` for the default.
        until_decided: Whether the seeds are the maximum of a sequential run.

    Raises:
        SuiteError: The text names no seeds, or not from 0 on if `until_decided`.
    """
    if not until_decided:
        return parse_seeds("32" if text is None else text)
    seeds = parse_seeds("1024" if text is None else text)
    if seeds[0] != 0:
        raise SuiteError(
            "With --until-decided, seeds are counted from 0: --seeds names the most. "
            f"Received: {text!r}"
        )
    return seeds


def parse_seeds(text: str) -> list[int]:
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
