"""The page of the gate's own evidence: how often it cries wolf, and what it sees.

Reads the files that `faults` writes.
"""

import json
import math

import pandas as pd

from experiments.check import drift, sample
from experiments.report.markdown import markdown
from experiments.runs.files import write_whole
from experiments.stats import text

FILES = ("power", "false_alarms", "reach")
CONTROL = "control"
MANIFEST = "manifest.json"


def read(folder):
    """Reads the tables of a folder, as `{name: table}`; one that is not there yet is empty.

    Beside them, as `made`, the environments that they were made on.
    """
    paths = {name: folder / f"{name}.csv" for name in FILES}
    found = {n: pd.read_csv(p) if p.exists() else pd.DataFrame() for n, p in paths.items()}
    return found | {"made": environments(folder)}


def environments(folder):
    """Returns the software and hardware that a folder's tables were made on, in words."""
    path = folder / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def note(folder, environment):
    """Notes that tables of a folder were made on an environment."""
    made = environments(folder)
    if environment not in made:
        write_whole(folder / MANIFEST, json.dumps([*made, environment], indent=1) + "\n")


def write(folder):
    """Writes `README.md` from the tables of a folder."""
    write_whole(folder / "README.md", page(**read(folder)))


def page(power, false_alarms, reach, made=()):
    """Returns the page as Markdown.

    Args:
        power: What `faults.power` returns.
        false_alarms: What `faults_measures.false_alarms` returns.
        reach: The faults not caught, see `faults.reach`.
        made: The environments that they were made on.
    """
    is_control = power["fault"].str.startswith(CONTROL)
    planted, controls = power[~is_control], power[is_control]
    parts = [
        "# The gate: what a check sees, and how often it cries wolf",
        "`python -m reproductions check` trains a fresh sample of seeds with today's installed "
        "Keras and compares it with the committed rows: distributions, verdicts, and exact "
        "questions to the trainer. These tables are made by `python -m tests.trials.faults`.",
        "## False alarms",
        alarm_text(false_alarms),
        markdown(alarm_rows(false_alarms)),
        "## Power",
        power_text(planted, controls),
        markdown(power_rows(planted)),
    ]
    if len(reach):
        parts += ["## Beyond its power", reach_text(), markdown(reach_rows(reach))]
    parts += ["## How it works", "\n".join(f"- {n}" for n in notes())]
    return "\n\n".join([*parts, *_made_on(made)]) + "\n"


def _made_on(made):
    packages, hardware = ("python", "keras", "tensorflow"), ("system", "processor")
    return [f"Made on {text.environment(one, packages, hardware)}." for one in made]


def alarm_text(table):
    """Says how often an unchanged suite raised an alarm."""
    suite = table[table["scope"] == "suite"]
    row = suite[suite["level"] == drift.FALSE_ALARMS].iloc[0]
    return (
        f"Stored seeds were split at random into reference and sample {row['splits']:,.0f} times, "
        "the sample as large a part of both as a check's is. "
        f"At the declared rate of {text.percent(drift.FALSE_ALARMS, 0)} a suite run, over all "
        f"{row['num_tests']:,.0f} tests of all cases together, {row['alarms']:,.0f} splits raised "
        f"an alarm: {text.spread(row['rate'], row['low'], row['high'], text.percent, digits=2)}."
    )


def alarm_rows(table):
    """One line of text for each scope: the share of splits with an alarm at each level."""
    lines = []
    for scope, part in table.groupby("scope", sort=False):
        line = {"scope": scope, "tests": f"{part['num_tests'].iloc[0]:,.0f}"}
        rates = {text.percent(row.level): text.percent(row.rate, 2) for row in part.itertuples()}
        lines.append(line | {f"at {level}": rate for level, rate in rates.items()})
    return pd.DataFrame(lines)


def power_text(planted, controls):
    """Says how many planted faults were caught, and by what."""
    caught, seeds = planted["caught"].sum(), planted["num_seeds"].max()
    without = planted["without_seed_questions"].sum()
    alone = planted["by_distribution"].sum()
    return (
        f"{len(planted)} faults were planted, each checked with {seeds} seeds, case by case, the "
        f"cheapest first, until caught: {caught} were. {without} are caught without the "
        f"questions about dependence between seeds, {alone} show in a distribution. "
        f"Of {len(controls)} controls, with nothing planted and all cases trained, "
        f"{controls['caught'].sum()} raised an alarm. P-values are adjusted for the tests of "
        "all cases, trained or not."
    )


def power_rows(planted):
    """One line of text for each planted fault."""
    return pd.DataFrame([_power_row(row) for _, row in planted.iterrows()])


def _power_row(row):
    alarm = row["by_distribution"]
    where = f"{row['case']} {row['arm']}: {row['metric']}, {_moved(row)}" if alarm else ""
    return {
        "fault": row["fault"],
        "what is wrong": row["what"],
        "caught": "yes" if row["caught"] else "NO",
        "seed questions off": "yes" if row["without_seed_questions"] else "NO",
        "exact questions that fail": _text(row["questions"]),
        "distribution that moved most": where,
        "adjusted p": text.number(row["p_holm"], 2) if alarm else "",
        "cases trained": row["cases"],
    }


def _moved(row):
    if not math.isfinite(row["moved"]):
        return row["test"]
    return f"{text.number(row['moved'], 2, signed=True)} {row['unit']}"


def _text(value):
    return value if isinstance(value, str) else ""


def reach_text():
    """Says how the reach of a check is measured."""
    return (
        "For what was not caught, the same seeds were trained with the fault and without it. "
        "What moved most over those pairs, in stored spreads, tells how many fresh seeds a "
        "check would need to see it half of the time, if the distribution merely shifts. Where "
        "it says no number, the shift is too small beside so few stored seeds: these would have "
        "to be more too. Rows that do not change cannot be seen by any number."
    )


def reach_rows(reach):
    """One line of text for each fault that was not caught."""
    lines = []
    for row in reach.itertuples():
        needed = f"{row.seeds_needed:,.0f}" if math.isfinite(row.seeds_needed) else "no number"
        lines.append(
            {
                "fault": row.fault,
                "rows that change at all": text.percent(row.share_changed, 0),
                "what moves most": f"{row.case} {row.arm}: {row.metric}",
                "by": f"{text.number(row.moved, 2, signed=True)} spreads",
                "seeds needed": needed,
            }
        )
    return pd.DataFrame(lines)


def notes():
    """One line of text for each thing to know."""
    yield (
        f"Checked are the arms of the lattice with at least {sample.LEAST_STORED} stored "
        f"seeds that see at most {sample.MOST_SAMPLES:,} samples in training, and one arm "
        "with dropout where a case has one."
    )
    yield (
        "A metric is compared by Mann-Whitney (location), Ansari-Bradley (scale) and "
        "Kolmogorov-Smirnov (shape); where one value is held by more than half of the seeds, by "
        "Fisher's exact test of its share, and shape. Infinite values are values."
    )
    yield (
        "The exact questions hold all streams of a seed but one by the case's own hooks: all "
        "seeds start from the same weights, or train on the same samples, or on one sample over "
        "and over, whose order cannot matter. If outcomes are then alike, the stream that is "
        "left is shared. Chance has no part in it."
    )
    yield (
        "Further questions: that a pass holds each training sample once and in an order of its "
        "own, that the optimizer counts the updates that were asked for, that no test point was "
        "trained on, that a seed gives the same twice and in other company, and that no sampled "
        "row repeats another."
    )
