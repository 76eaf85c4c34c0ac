"""Writes a comparison as text, as tables, as a Markdown page and as a figure.

Reads a `drift.Comparison` and computes no statistic.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from experiments.analysis import tables
from experiments.analysis.baselines import main_metric
from experiments.check import drift
from experiments.report import figures
from experiments.report.markdown import markdown
from experiments.report.style import LIGHT, arm_colours
from experiments.runs import files
from experiments.runs.files import write_whole
from experiments.runs.keys import PACKAGES
from experiments.stats import text

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.cases.case import Case
    from experiments.check.drift import Comparison
    from experiments.report.style import Theme

NUM_SHOWN = 20
NUM_PANELS = 12
NUM_ACROSS = 3
PANEL_HEIGHT = 2.1
BULK = (0.02, 0.98)
LINES = "share of seeds at or below each value; grey is stored, in colour the fresh sample"


def headline(found: Comparison) -> str:
    """Returns the result of a check in a few lines of text."""
    alarms, failures = len(found.alarms), len(found.failures)
    words = "agrees with" if found.passed else "DIFFERS from"
    lines = [f"Today's installation {words} the stored evidence."]
    lines.append(
        f"{len(found.table):,} distributions ({found.num_tests:,} tests, "
        f"{found.num_seeds:,} fresh seeds an arm): {text.count(alarms, 'alarm', 'no')}; "
        f"{len(found.questions):,} exact questions: {text.count(failures, 'failure', 'no')}. "
        "An unchanged suite raises an alarm in at most "
        f"{text.percent(drift.FALSE_ALARMS, 0)} of its checks."
    )
    return "\n".join([*lines, version_text(found), f"It took {found.seconds:.0f} seconds."])


def version_text(found: Comparison) -> str:
    """Returns the versions that made the sample and the stored rows, in one line."""
    versions = dict(found.versions)
    sample = text.versions(versions.pop("sample", {}), PACKAGES)
    stored = {text.versions(one, PACKAGES): None for made in versions.values() for one in made}
    return f"Sample: {sample}. Stored: {'; '.join(stored) or 'unknown'}."


def shown_table(found: Comparison, most: int = NUM_SHOWN) -> pd.DataFrame:
    """Returns the metrics with the smallest p-values as a table of text.

    Args:
        found: A `drift.Comparison`.
        most: Number of rows. All alarms are shown, even if there are more.
    """
    rows = found.table.head(max(most, len(found.alarms)))
    return pd.DataFrame([_row_text(row) for _, row in rows.iterrows()])


def _row_text(row):
    return {
        "case": row["case"],
        "arm": row["arm"],
        "metric": row["metric"],
        "stored": _estimate(row, "stored"),
        "sample": _estimate(row, "sample"),
        "moved by": moved_text(row),
        "seen in its": row["test"],
        "p": text.number(row["p"], 2),
        "adjusted p": text.number(row["p_holm"], 2),
        "alarm": "ALARM" if row["alarm"] else "",
    }


def _estimate(row, side):
    value, low, high = (row[f"{side}{part}"] for part in ("", "_low", "_high"))
    if row["unit"] != "points":
        return text.interval(value, low, high, text.number)
    words = f"% are {text.number(row['value'])}"
    return text.interval(value, low, high, lambda x: text.hundredths(x) + words, text.hundredths)


def moved_text(row: Any) -> str:
    """Returns how far a metric moved: in points of a share, or in stored spreads.

    If the strongest test is that of scale, the text is the ratio of the spreads.
    """
    if row["test"] == "scale" and math.isfinite(row["spread_ratio"]):
        return f"{text.number(row['spread_ratio'], 2)} times as wide"
    if not math.isfinite(row["moved"]):
        return "beyond a number" if row["stored"] != row["sample"] else "its shape"
    return f"{text.number(row['moved'], 2, signed=True)} {row['unit']}"


def invariants_table(found: Comparison) -> pd.DataFrame:
    """Returns the invariants as a table of text: each failure, and one row for each that holds."""
    rows = []
    groups: Any = found.questions.groupby(["case", "question"], sort=False)
    for (name, question), part in groups:
        wrong, runs = part[~part["holds"].astype(bool)], text.count(len(part), "run")
        for _, row in (wrong if len(wrong) else part.iloc[:1]).iterrows():
            rows.append(
                {
                    "case": name,
                    "question": question,
                    "answer": "FAILS" if len(wrong) else "holds",
                    "put to": ", ".join(row["arms"]) if len(wrong) else runs,
                    "what was found": row["words"] if len(wrong) else f"e.g. {row['words']}",
                }
            )
    return pd.DataFrame(rows).sort_values("answer", kind="stable", ignore_index=True)


def verdict_table(found: Comparison) -> pd.DataFrame:
    """Returns stored and sampled verdicts of each arm as a table of text."""
    rows = []
    for _, row in found.verdicts.iterrows():
        rates = {
            side: f"{row[f'{side}_verdict']} ({text.percent(row[side])})"
            for side in ("stored", "sample")
        }
        head = {"case": row["case"], "arm": row["arm"], "updates": f"{row['steps']:,}"}
        p = text.number(row["p"], 2)
        rows.append(head | rates | {"verdicts": row["words"], "p of the rates": p})
    return pd.DataFrame(rows)


def page(found: Comparison, picture: str = "comparison.png") -> str:
    """Returns the whole comparison as Markdown.

    Args:
        found: A `drift.Comparison`.
        picture: Path of the figure, relative to the page.
    """
    parts = [
        "# A fresh sample against the stored evidence",
        headline(found),
        f"![Distributions, stored against sampled]({picture})",
        "## What moved, most surprising first",
        markdown(shown_table(found)),
        "p is that of the strongest of a metric's tests, adjusted by Holm's rule for all tests "
        "of the check. A spread is that of the stored seeds: the width of their middle half, "
        "as a normal distribution's standard deviation.",
        "## Verdicts",
        markdown(verdict_table(found)),
        "## Exact questions",
        markdown(invariants_table(found)),
    ]
    return "\n\n".join(parts) + "\n"


def panels(found: Comparison, cases: Sequence[Case]) -> pd.DataFrame:
    """Chooses the rows that the figure shows: the alarms, else each arm's main metric.

    Args:
        found: A `drift.Comparison`.
        cases: The `Case`s compared.

    Returns:
        Rows of `found.table`; of alarms at most `NUM_PANELS`.
    """
    if len(found.alarms):
        return found.alarms.head(NUM_PANELS)
    main = {case.name: main_metric(case) for case in cases}
    cases_metric = found.table["case"].map(main)  # pyright: ignore[reportArgumentType]  # a dict maps too
    # Stubs of pandas: a mask keeps a table.
    return found.table[found.table["metric"] == cases_metric]  # pyright: ignore[reportReturnType]


@figures.in_style
def figure(found: Comparison, cases: Sequence[Case], *, theme: Theme = LIGHT) -> Figure:
    """Draws stored against sampled distributions.

    Args:
        found: A `drift.Comparison`.
        cases: The `Case`s compared.
        theme: The `Theme`. A sample has its arm's colour.

    Returns:
        A Matplotlib figure, a panel for each row of `panels`.
    """
    rows = panels(found, cases)
    across = min(NUM_ACROSS, max(len(rows), 1))
    down = max(1, math.ceil(len(rows) / across))
    (drawn,) = figures.new_figure(0, height=0.7 + PANEL_HEIGHT * down, theme=theme)
    colours = {case.name: arm_colours(case, theme) for case in cases}
    for place, row in enumerate(rows.to_dict("records"), start=1):
        axes = drawn.add_subplot(down, across, place)
        colour = colours[row["case"]].get(row["arm"], theme.ink)
        values: Any = [side[side["arm"] == row["arm"]] for side in found.rows[row["case"]]]
        draw_panel(axes, row, [v[row["metric"]] for v in values], colours=(theme.muted, colour))
    figures.entitle(drawn, _title(found), theme=theme)
    return drawn


def _title(found):
    if len(found.alarms):
        return f"What moved ({text.count(len(found.alarms), 'alarm', 'no')}): {LINES}"
    return f"No distribution moved: {LINES}"


def draw_panel(
    axes: Any, row: Any, values: Sequence[np.ndarray], *, colours: tuple[str, str]
) -> None:
    """Draws the cumulative distributions of both groups.

    Args:
        axes: Matplotlib axes.
        row: The row of the table that the panel shows.
        values: `(stored, sampled)`, arrays of seeds. Infinite values lie beyond the edge.
        colours: `(stored, sampled)`.
    """
    for number, (group, colour) in enumerate(zip(values, colours, strict=True)):
        kept = np.sort(group[np.isfinite(group)])
        below = int(np.sum(group == -np.inf))
        shares = (below + np.arange(1, len(kept) + 1)) / len(group)
        axes.step(kept, shares, where="post", color=colour, lw=3.0 - 1.4 * number)
    _set_limits(axes, values)
    axes.set_title(f"{row['case']}\n{row['arm']}: {row['metric']}", loc="left", fontsize="small")
    axes.set_xlabel(
        f"{moved_text(row)}, adjusted p {text.number(row['p_holm'], 2)}", fontsize="x-small"
    )
    axes.tick_params(labelsize="x-small")


def _set_limits(axes, values):
    """Shows the bulk of both groups: a few outliers would squash it."""
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.xaxis.set_major_locator(MaxNLocator(3))
    bulks = [np.quantile(v[np.isfinite(v)], BULK) for v in values if np.isfinite(v).any()]
    if not bulks:
        return
    low, high = min(bulk[0] for bulk in bulks), max(bulk[1] for bulk in bulks)
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 0.1
    axes.set_xlim(low - margin, high + margin)


def write(found: Comparison, cases: Sequence[Case], folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the comparison: a page, its tables and its figure.

    Args:
        found: A `drift.Comparison`.
        cases: The `Case`s compared.
        folder: The folder to write, made if it does not exist.

    Returns:
        The paths written.
    """
    made = {
        "comparison.csv": tables.to_csv(found.table),
        "questions.csv": tables.to_csv(_plain(found.questions)),
        "verdicts.csv": tables.to_csv(found.verdicts),
        "comparison.md": page(found),
    }
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            write_whole(folder / name, content)
        drawn = figures.save(figure(found, cases), folder / "comparison", theme=LIGHT)
    return [*(folder / name for name in made), *drawn]


def _plain(questions):
    return questions.assign(arms=[", ".join(arms) for arms in questions["arms"]])
