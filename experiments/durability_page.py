"""The page of what a run survives, and what that costs.

Room 18: reads the files of `durability`; types no number.
"""

import json

import pandas as pd

from experiments import durability_memory, durability_overhead, durability_runs, files
from experiments.keys import environment_words
from experiments.markdown import markdown

MANIFEST = "manifest.json"
FINISHED = "finished"
LIMITS = {"overhead": 0.03, "seconds": 5.0, "megabytes": 500.0}


def read(folder):
    """Reads the tables of a folder, `{part: table}`, and as `made` what they were made on."""
    found = {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}
    return found | {"made": _manifest(folder)}


def _manifest(folder):
    path = folder / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def note(folder, part, made, *, added=False):
    """Notes what the table of a part was made with, and on which machine.

    Args:
        folder: Path of the folder.
        part: Name of the part.
        made: A dict of plain facts, `seed` and `seconds` among them.
        added: Whether rows were added to what was there.
    """
    found = _manifest(folder)
    if added and part in found:
        seeds = f"{found[part]['seed']}, {made['seed']}"
        made = made | {"seed": seeds, "seconds": found[part]["seconds"] + made["seconds"]}
    found = dict(sorted((found | {part: made}).items()))
    files.write_whole(folder / MANIFEST, json.dumps(found, indent=1) + "\n")


def counted(table, *names):
    """Returns how many rows of a table are alike in some columns."""
    return table.groupby(list(names), sort=True).size().rename("tries").reset_index()


def write(folder):
    """Writes `README.md` from the tables of a folder."""
    files.write_whole(folder / "README.md", page(**read(folder)))


def page(made, **found):
    """Returns the page as Markdown.

    Args:
        made: `{part: facts}`, what each table was made with and on.
        **found: `{part: table}`; a part that was not measured is left out.
    """
    parts = ["# What a run survives, and what that costs", HEAD]
    for part, (title, words) in SECTIONS.items():
        if part in found:
            parts += [f"## {title}", *words(found[part])]
    machines = {}
    for part, facts in made.items():
        machines.setdefault(environment_words(facts), []).append(part)
    parts += [f"Made on {words}: {', '.join(names)}." for words, names in machines.items()]
    return "\n\n".join(parts) + "\n"


HEAD = (
    "Made by `python -m experiments.durability`. Everywhere a run that was disturbed is gone on "
    "with by the same command, and its folder, the lock left out, is then held against that "
    "of a run nobody disturbed, byte for byte: rows, manifest, tables, reports, traces."
)


def kill_words(table):
    """Says what came of kills at random instants; yields paragraphs."""
    ends, kills = table[table["kill"] == FINISHED], table[table["kill"] != FINISHED]
    signals = counted(kills, "signal").sort_values("tries", ascending=False)
    named = ", ".join(f"{row.tries:,} {row.signal}" for row in signals.itertuples())
    pairs = (ends["processes"] > 1).sum()
    yield (
        f"{len(kills):,} kills ({named}) of the command on a small case, trained and reported for "
        f"real, at instants drawn over its time or over the moments at which it begins to write; "
        f"{len(ends):,} runs, gone on with until they ended, {pairs:,} of them by two processes "
        f"on one folder at once. Kills after which a row was lost, doubled or different: "
        f"{kills['wrong'].notna().sum():,}. Runs that ended with another byte: "
        f"{ends['wrong'].notna().sum():,}. Units that went on from a saved state: "
        f"{kills['states'].sum():,.0f}."
    )
    places = kills.groupby("place").agg(kills=("kill", "size"), wrong=("wrong", "count"))
    places = places.reindex([p for p in durability_runs.ALL_PLACES if p in places.index])
    yield markdown(as_text(places.reset_index().rename(columns={"place": "killed while"})))
    yield "How a process ended that was sent a signal; one that had nearly ended may end well."
    yield markdown(as_text(counted(kills, "signal", "ended")))


def point_words(table):
    """Says what came of crashes at each operation on files; yields paragraphs."""
    torn = table["torn"].astype(bool)
    yield (
        f"A whole run does {table['point'].max():,} operations on files: it was ended before "
        f"each, and once more with half of a file written, {torn.sum():,} times. Of "
        f"{len(table):,} crashes {table['wrong'].notna().sum():,} left a folder that could not be "
        "read, lost a row, or did not end with the same bytes when gone on with."
    )
    grouped = table.groupby(["operation", "torn"], sort=False)
    rows = grouped.agg(crashes=("point", "size"), wrong=("wrong", "count")).reset_index()
    yield markdown(as_text(rows.replace({"torn": {True: "half of it", False: ""}})))


def place_words(table):
    """Says what came of obstacles of the place; yields paragraphs."""
    yield (
        f"{len(table):,} runs were given an obstacle, at an instant or of a size drawn by chance; "
        "not every disk was small enough to fill up. Where a run could not go on it said one "
        "line. Once the obstacle was gone, the same command was run again: "
        f"{table['wrong'].notna().sum():,} folders lost a row or ended with another byte."
    )
    rows = []
    for obstacle, part in table.groupby("obstacle", sort=False):
        said = part["says"].dropna()
        row = {"obstacle": obstacle, "runs": len(part), "stopped with one line": len(said)}
        row |= {"wrong": part["wrong"].notna().sum()}
        rows.append(row | {"what it said": said.iloc[0] if len(said) else ""})
    yield markdown(as_text(pd.DataFrame(rows)))


def overhead_words(table):
    """Says what durability costs; yields paragraphs."""
    found = durability_overhead.summary(table)
    minutes = durability_overhead.TEN_MINUTES / 60
    yield (
        "The same units were trained by the same crew with all kept on disk and with all dropped, "
        "in turns. Columns say by how much a run that is kept takes more, of the processors and "
        "by the clock (medians; in brackets the range over rounds, which says how busy the "
        "machine was), and how much of its time the driver spends writing, which bounds what "
        f"can be won. In {minutes:g} minutes that is so many seconds; the bar is "
        f"{LIMITS['overhead']:.0%}. States are saved every "
        f"{durability_overhead.SECONDS_BETWEEN_STATES:g} seconds, far more often than usual."
    )
    rows = []
    for row in found.itertuples():
        line = {"work": row.work, "rounds": row.rounds, "units": f"{row.units:,}"}
        line |= {"rows": f"{row.rows:,}", "seconds a side": f"{row.seconds:.0f}"}
        line["more of the processors"] = _range(
            row.processor, row.processor_low, row.processor_high
        )
        line["more by the clock"] = _range(row.clock, row.clock_low, row.clock_high)
        line["spent writing"] = f"{row.store:.2%}"
        rows.append(line | {f"in {minutes:g} minutes": f"{row.seconds_of_ten_minutes:.1f} s"})
    yield markdown(as_text(pd.DataFrame(rows)))


def _range(value, low, high):
    return f"{value:+.1%} [{low:+.1%}, {high:+.1%}]"


def memory_words(table):
    """Says how memory grows over a long run; yields paragraphs."""
    programs = table[table["way"] == durability_memory.PROCESSES].groupby(["case", "run"]).ngroups
    yield (
        f"Every arm of every case, {programs:,} programs, compiled and trained for an update or "
        "two, with the memory noted that all processes of the run hold alone after each unit. "
        "Slopes are of a line through the largest of every "
        f"{durability_memory.WARM_UP} units, the first {durability_memory.WARM_UP} left out, as "
        "processes that are replaced let go of their memory at once; with their interval at "
        f"{durability_memory.CONFIDENCE:.0%}. Threads of one process show what it would be "
        "without that: TensorFlow frees no compiled program."
    )
    rows = []
    for row in durability_memory.growth(table).itertuples():
        line = {"trained by": row.way, "units": f"{row.units:,}", "first": f"{row.first:,.0f} MB"}
        line |= {"most": f"{row.most:,.0f} MB", "last": f"{row.last:,.0f} MB"}
        slope = f"{row.slope:+.2f} MB [{row.low:+.2f}, {row.high:+.2f}]"
        rows.append(line | {"growth a unit": slope})
    yield markdown(as_text(pd.DataFrame(rows)))


def size_words(table):
    """Says what a large folder costs; yields paragraphs."""
    within = (table["processor"] < LIMITS["seconds"]) & (table["megabytes"] < LIMITS["megabytes"])
    yield (
        f"A folder of {table['rows'].max():,} rows, each question asked in a process of its own, "
        f"from nothing to the answer. The bars are {LIMITS['seconds']:g} seconds of the "
        f"processor and {LIMITS['megabytes']:g} MB: {within.sum():,} of {len(table):,} questions "
        "stay below both."
    )
    rows = []
    for row in table.itertuples():
        line = {"asked": row.asked, "processor": f"{row.processor:.1f} s"}
        line |= {"clock": f"{row.clock:.1f} s", "most memory": f"{row.megabytes:,.0f} MB"}
        rows.append(line)
    yield markdown(as_text(pd.DataFrame(rows)))


def count_words(table):
    """Says what came of tries that were counted; yields paragraphs."""
    first, came_of, _ = table.columns
    ends = table.groupby(came_of)["tries"].sum()
    named = ", ".join(f"{end}: {tries:,}" for end, tries in ends.items())
    yield f"{table['tries'].sum():,} tries. What came of them: {named}."
    wide = table.pivot(index=first, columns=came_of, values="tries").fillna(0).astype(int)
    yield markdown(as_text(wide.reset_index()))


def cluster_words(table):
    """Shows what a cluster of one costs; yields paragraphs."""
    yield "The same units through one thread, and through a Ray cluster of one worker."
    rows = table.copy()
    rows[["seconds", "ratio"]] = rows[["seconds", "ratio"]].map(
        lambda value: "" if pd.isna(value) else f"{value:.3g}"
    )
    yield markdown(as_text(rows))


def as_text(table):
    """Returns a table whose cells are texts, whole numbers with commas."""
    return table.map(lambda cell: f"{cell:,}" if isinstance(cell, int) else str(cell))


SECTIONS = {
    "kills": ("Killed at random instants", kill_words),
    "points": ("Killed before every operation on files", point_words),
    "places": ("Bad places", place_words),
    "damage": ("Damaged files", count_words),
    "hostile": ("Hostile input", count_words),
    "overhead": ("What it costs: time", overhead_words),
    "memory": ("Memory of a long run", memory_words),
    "size": ("Large folders", size_words),
    "cluster": ("A cluster of one", cluster_words),
}
