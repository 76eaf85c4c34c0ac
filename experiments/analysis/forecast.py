"""Formats the expected cost and outcome of a run as tables and text.

`planning` computes the numbers.
"""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from experiments.stats import text

MEASURED, ESTIMATED, NOTHING, UNTIMED = "measured", "estimated", "nothing to train", "not timed"
HERE, COMMITTED, NOWHERE = "here", "committed results", ""


@dataclasses.dataclass(frozen=True)
class Forecast:
    """The expected cost of a run, and the verdicts it is likely to decide.

    Attributes:
        runs: Columns `run` (its arms), `asked, current, stale, missing` (rows), `updates`
            (summed over seeds), `seconds, low, high` on one core without `program`, the
            seconds to compile it, `memory` in bytes that its program keeps, `how`.
        arms: Columns `arm, steps, seeds, solved, verdict, needs` (seeds in all that its
            verdict is likely to need; the fewest that can decide where nothing is known)
            and `known_from`: "here", "committed results" or "".
        seconds: `(expected, low, high)` of elapsed time on this machine's cores; `None` if
            nothing was timed.
        memory: Expected peak in bytes, of all processes; `None` where it is not known.
        num_cores: Cores that may be used.
    """

    runs: pd.DataFrame
    arms: pd.DataFrame
    seconds: tuple[float, float, float] | None
    memory: float | None
    num_cores: int


def text_tables(found: Forecast) -> dict[str, pd.DataFrame]:
    """Returns a forecast as tables of text.

    Args:
        found: A `Forecast`.

    Returns:
        `{title: table of text}`.
    """
    return {
        "what would be trained": pd.DataFrame(map(_run_text, found.runs.to_dict("records"))),
        "what is decided": pd.DataFrame(map(_arm_text, found.arms.to_dict("records"))),
    }


def _run_text(row):
    rows = f"{row['current']:,} of {row['asked']:,}"
    rows += f" ({row['stale']:,} stale)" * bool(row["stale"])
    shown = {"arms": row["run"], "rows there": rows, "rows to train": f"{row['missing']:,}"}
    shown["updates"] = f"{row['updates']:,}"
    shown["on one core"] = (
        ""
        if row["how"] in (NOTHING, UNTIMED)
        else _time_text(
            row["seconds"] + row["program"],
            row["low"] + row["program"],
            row["high"] + row["program"],
        )
    )
    return shown | {"how": row["how"]}


def _arm_text(row):
    shown = {"arm": row["arm"], "steps": f"{row['steps']:,}", "seeds": f"{row['seeds']:,}"}
    shown["solved"] = text.percent(row["solved"])
    shown["verdict now"] = row["verdict"]
    needs = "no number decides" if pd.isna(row["needs"]) else text.count(row["needs"])
    known = {"here": "", "": ""}.get(row["known_from"], f" ({row['known_from']})")
    shown["seeds likely needed"] = (needs if row["known_from"] else f"{needs} at least") + known
    return shown


def headline(found: Forecast) -> str:
    """Returns the expected time and memory of a run in one line.

    Args:
        found: A `Forecast`.
    """
    missing = int(found.runs["missing"].sum())
    if not missing:
        return "Nothing to train: every row is there."
    rows = f"{missing:,} rows to train"
    if found.seconds is None:
        return f"{rows}; nothing was timed."
    time = f"{_time_text(*found.seconds)} on {found.num_cores} cores"
    memory = "" if found.memory is None else f", {found.memory / 2**30:.1f} GB of memory at most"
    return f"{rows}: about {time}{memory}. Tables and figures come on top."


def _time_text(seconds, low, high):
    return text.spread(seconds, low, high, _duration)


def _duration(seconds):
    """Returns seconds in one unit as text."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{float(f'{seconds / size:.2g}'):,g} {unit}"
    return f"{math.ceil(seconds)} s"
