"""How often the 95% intervals hold the truth, and how often a verdict is wrong.

    python -m tests.trials.coverage [--repeats 4000] [--seed 0] [--out results/coverage]

Draws samples of seeds whose truth is known, and puts them to the functions that the library
itself uses.
"""

import argparse
import pathlib
import time
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import special

from experiments.report.markdown import markdown
from experiments.stats import interim, text
from tests.trials import coverage_errors
from tests.trials.coverage_truths import share, truths

RESULTS = pathlib.Path(__file__).parents[2] / "results" / "coverage"

NUM_SEEDS = (30, 64, 200, 1000)
VERDICT_SEEDS = (32, 200, 1000)
NAMES = ("coverage", "verdicts", "looks")
LEAST = 0.93
ANEW = 25
# Room for floating point, where a bound is the truth itself.
SLACK = 1e-9
MEANS = ("mean", "Shapley value", "interaction")


def coverage_table(found, num_seeds, *, repeats, seed, log=lambda line: None):
    """Simulates the coverage of intervals.

    A promised cell in which so many samples do not settle whether `LEAST` is reached
    is drawn anew, `ANEW` times as often.

    Args:
        found: Sequence of `Truth`.
        num_seeds: Sequence of sample sizes.
        repeats: Integer, samples drawn in each cell.
        seed: Integer, of all draws; a cell's draws do not depend on the other cells.
        log: Function that is given a line of progress.

    Returns:
        A table with a row for each truth and number of seeds: the coverage with its
        own interval, whether it is promised (`asked`), and whether that interval lies
        at or above `LEAST`.
    """
    rows = []
    for place, truth in enumerate(found):
        if place % 20 == 0:
            log(f"coverage: truth {place} of {len(found)}, {truth.quantity}")
        for size in num_seeds:
            asked = truth.asked_from is not None and size >= truth.asked_from
            cell = _cell(truth, size, repeats, seed)
            if asked and cell["low"] < LEAST <= cell["high"]:
                cell = _cell(truth, size, repeats, seed, times=ANEW)
            head = {"quantity": truth.quantity, "truth": truth.name, "num_seeds": size}
            rows.append(head | cell | {"asked": asked, "reached": cell["low"] >= LEAST})
    return pd.DataFrame(rows)


def _cell(truth, size, repeats, seed, *, times=1):
    """Simulates one cell, so many times `repeats` samples."""
    key = crc32(f"{truth.quantity}: {truth.name}".encode())
    random = np.random.default_rng([seed, size, key, times])
    draws = (truth.draw(random, (repeats, size)) for _ in range(times))
    hits = sum(num_covered(truth, samples) for samples in draws)
    return share("coverage", hits, times * repeats, seed)


def num_covered(truth, samples):
    """Counts the samples whose interval holds the true value."""
    samples, total = np.sort(samples, axis=1), len(samples)
    if truth.quantity in MEANS:
        # The interval of a mean holds Student's: only what that misses is worth the time.
        samples = samples[~_student_covers(samples, truth.value)]
    found, counts = np.unique(samples, axis=0, return_counts=True)
    intervals = [truth.interval(sample) for sample in found]
    hits = [i.low - SLACK <= truth.value <= i.high + SLACK for i in intervals]
    return total - len(samples) + int(counts[hits].sum())


def _student_covers(samples, value):
    """Whether Student's interval of each sample holds a value."""
    size = samples.shape[1]
    half = special.stdtrit(size - 1, 0.975) * samples.std(axis=1) / np.sqrt(size - 1)
    return np.abs(samples.mean(axis=1) - value) <= half


def verdicts_table(num_seeds, *, repeats, seed, log=lambda line: None, step=0.001):
    """Finds how often verdicts and effects are wrong, and whether that is rare enough.

    Args:
        num_seeds: Sequence of sample sizes.
        repeats: Integer, samples drawn in each cell of an effect.
        seed: Integer, of all draws.
        log: Function that is given a line of progress.
        step: Float, the step between the true rates that verdicts are put to.

    Returns:
        A table with a row for each rule, truth and number of seeds.
    """
    log("verdicts")
    exact = coverage_errors.verdict_table(num_seeds, coverage_errors.verdict_rates(step))
    drawn = coverage_errors.effect_table(num_seeds, repeats=repeats, seed=seed, log=log)
    table = pd.concat([exact, drawn], ignore_index=True)
    return table.assign(reached=table["high"] <= coverage_errors.MOST)


def readme(coverage, verdicts, looks):
    """Writes up the tables.

    Args:
        coverage: What `coverage_table` returns, or its file.
        verdicts: What `verdicts_table` returns, or its file.
        looks: What `coverage_errors.looks_table` returns, or its file.

    Returns:
        Text in Markdown, every number of which is computed from the tables.
    """
    repeats, seed = coverage["repeats"].min(), coverage["seed"].max()
    missed = coverage[~coverage["asked"] & (coverage["coverage"] < LEAST)]
    parts = [
        "# Coverage: how often intervals hold the truth, and how often verdicts are wrong",
        f"Made by `python -m tests.trials.coverage --repeats {repeats} --seed {seed}`.",
        "## Intervals at 95%",
        lay_out(_group_rows(coverage)),
        f"## Cells below {text.percent(LEAST, 0)}, none of them promised",
        lay_out(_cell_rows(missed)),
        "## Wrong verdicts and effects, at the worst truth",
        lay_out(_worst_rows(verdicts)),
        "## Ever wrong, where one looks again and again, at the worst truth",
        lay_out(_looks_rows(looks)),
        "## Seeds used up to the first look that decides",
        lay_out(_seeds_rows(looks)),
        "## How it is measured",
        "\n".join(f"- {note}" for note in (*_notes(coverage, verdicts), *_looks_notes())),
    ]
    return "\n\n".join(parts) + "\n"


def _group_rows(table):
    """One line of text for each group of truths."""
    groups = table.assign(group=table["truth"].str.partition(":")[0])
    for (quantity, group), part in groups.groupby(["quantity", "group"], sort=False):
        asked = part[part["asked"]]
        worst = asked.loc[asked["coverage"].idxmin()]
        yield {
            "quantity": quantity,
            "truths": f"{group} ({part['truth'].nunique()})",
            "promised from seeds": asked["num_seeds"].min(),
            "lowest promised coverage": _spread(worst, "coverage"),
            "reached": f"{asked['reached'].sum()} of {len(asked)}",
        }


def _cell_rows(table):
    """One line of text for each cell."""
    for _, row in table.iterrows():
        names = {key: row[key] for key in ("quantity", "truth", "num_seeds")}
        yield names | {"coverage": _spread(row, "coverage")}


def _worst_rows(table):
    """One line of text for each rule and number of seeds: the worst truth."""
    for (rule, size), part in table.groupby(["rule", "num_seeds"], sort=False):
        worst = part.loc[part["wrong"].idxmax()]
        yield {
            "rule": rule,
            "num_seeds": size,
            "worst truth": worst["truth"],
            "wrong": _spread(worst, "wrong"),
            "promised": "yes" if part["asked"].any() else "no",
            "reached": f"{part.loc[part['asked'], 'reached'].sum()} of {part['asked'].sum()}",
        }


def _looks_rows(table):
    """One line of text for each rule and last look: the worst truth."""
    for (rule, most), part in table.groupby(["rule", "most"], sort=False):
        worst = part.loc[part["wrong"].idxmax()]
        yield {
            "rule": rule,
            "up to seeds": f"{most:,}",
            "worst truth": worst["truth"],
            "ever wrong": _spread(worst, "wrong"),
            "promised": "yes" if part["asked"].any() else "no",
            "reached": f"{part.loc[part['asked'], 'reached'].sum()} of {part['asked'].sum()}",
        }


def _seeds_rows(table):
    """One line of text for each of some true rates: the seeds used on average."""
    exact = table[table["rule"] == coverage_errors.LOOKS]
    for truth in coverage_errors.SHOWN_RATES:
        part = exact[exact["truth"] == f"{truth:.12g}"].set_index("most")
        means = {f"up to {most:,} seeds": f"{row['seeds']:,.0f}" for most, row in part.iterrows()}
        yield {"solve rate": f"{truth:g}"} | means


def _looks_notes():
    """One line of text for each thing to know of repeated looks."""
    yield (
        f"Who adds seeds until a verdict falls makes {interim.REPEATED.name}. "
        "Ever wrong is whoever is wrong at any of the looks, whether that look decided or not; "
        "of a rate it is summed over all paths of solved seeds, without drawing."
    )
    yield (
        "After every seed: the verdict is read at every number of seeds from the first look on, "
        "at the error of the look to come, as in a folder whose training was ended between two "
        "looks. Each look at 95%: what becomes of one who forgets that there are others."
    )


def _spread(row, name):
    """A share with its interval, as text."""
    if row["repeats"]:
        return text.spread(row[name], row["low"], row["high"], text.percent, digits=2)
    return f"{text.percent(row[name], 2)}, exact"


def _notes(coverage, verdicts):
    """One line of text for each thing to know."""
    least = coverage["repeats"].min()
    sizes = ", ".join(f"{size:,}" for size in sorted(coverage["num_seeds"].unique()))
    checked = ", ".join(f"{size:,}" for size in sorted(verdicts["num_seeds"].unique()))
    yield (
        f"Each cell is a truth and a number of seeds ({sizes}); {least:,} "
        "samples are drawn in each, and what share of the intervals holds the truth is shown "
        "with the 95% interval of that share itself (Wilson)."
    )
    yield (
        f"Promised cells are those that are claimed to reach {text.percent(LEAST, 0)}; one is "
        "reached if that interval lies at or above it. Where it straddles the bar the cell is "
        "drawn anew, "
        f"{ANEW} times as often (cells: {(coverage['repeats'] > least).sum()})."
    )
    yield (
        "Shapley values and interactions are those of the first fix and the first pair in games "
        "of outcomes 0 and 1. Log errors lie between the logarithm of the floor and the cap 0."
    )
    yield (
        f"A verdict is wrong if what it says of the true rate is false. With {checked} seeds its "
        "probability is summed over all counts of solved seeds, on a grid of rates that has the "
        "bars and what lies just beside them; a wrong one in "
        f"{text.percent(coverage_errors.MOST, 0)} is promised as the most."
    )
    yield (
        "An effect is wrong if it is neither undecided nor the true one. Where rate and error "
        "both lie at their margins, and vary independently, there are two chances to be wrong: "
        "that is shown, and not promised."
    )


def lay_out(rows):
    """Lays out rows, dictionaries with the same keys, as a Markdown table."""
    rows = list(rows)
    return markdown(pd.DataFrame(rows)) if rows else "None."


def write(folder, *tables):
    """Writes the tables, in the order of `NAMES`, and, from the files, their `README.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in zip(NAMES, tables, strict=True):
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / "README.md").write_text(readme(*read(folder)), encoding="utf-8")


def read(folder):
    """Reads the tables, as `(coverage, verdicts, looks)`."""
    return tuple(pd.read_csv(folder / f"{name}.csv") for name in NAMES)


def main(arguments=None):
    """Runs the command: simulates, writes, and prints its progress."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=4000, help="samples in each cell")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    given = parser.parse_args(arguments)
    start = time.perf_counter()

    def log(line):
        print(f"{time.perf_counter() - start:4.0f} s  {line}", flush=True)

    drawn = {"repeats": given.repeats, "seed": given.seed, "log": log}
    coverage = coverage_table(truths(), NUM_SEEDS, **drawn)
    verdicts = verdicts_table(VERDICT_SEEDS, **drawn)
    write(given.out, coverage, verdicts, coverage_errors.looks_table(**drawn))
    log(f"wrote {given.out}")


if __name__ == "__main__":
    main()
