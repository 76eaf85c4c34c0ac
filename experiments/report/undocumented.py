"""Writes the page on undocumented Keras behaviour: scripts, their output, and our results.

Scripts run only in `refresh`. The page is built from captured outputs and tables of runs,
without any backend.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from experiments.analysis import claim_results, tables
from experiments.analysis.outcomes import check_metric
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import find_evidence
from experiments.runs.files import write_whole
from experiments.stats import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case
    from experiments.cases.claims import Undocumented

MAIN_BACKEND = "tensorflow"
HEAD = (
    "# What today's Keras does silently\n\n"
    "For people who maintain Keras. Each part says what happens without a word, gives a "
    "script that needs only Keras and NumPy, the output of that script as captured, and "
    "what it did to the networks of this suite over many seeds."
)
FOOT = (
    "Rates are shares of seeds with Wilson's interval of 95%, medians carry their "
    "order-statistic interval of 95%; comparisons are over the same seeds. Losses and "
    "logged accuracies are those of the last epoch, `accuracy` is over fresh points. The "
    "words *solves* and *fails*, and all metrics, are defined in the suite's README and in "
    "`experiments/training/metrics.py`."
)


def declared(cases: Iterable[Case]) -> list[tuple[Case, Undocumented]]:
    """Returns `(case, item)` pairs: each `Undocumented` of each case, in order.

    Args:
        cases: The `Case`s.
    """
    return [(case, item) for case in cases for item in find_evidence(case).undocumented]


def output_name(item: Undocumented, backend: str) -> str:
    """Returns the name of the file that holds what a script printed.

    Args:
        item: The `Undocumented`.
        backend: Name of a Keras backend; the suite's own is not part of the name.
    """
    return item.script + f"_{backend}" * (backend != MAIN_BACKEND) + ".txt"


def refresh(folder: Path, cases: Iterable[Case]) -> list[Path]:
    """Runs every declared script and stores its output.

    Args:
        folder: The folder of the scripts, `results/silently`.
        cases: The `Case`s.

    Returns:
        The paths written.

    Raises:
        SuiteError: A script is missing or fails.
    """
    written = []
    for _, item in declared(cases):
        for backend in item.backends:
            path = folder / output_name(item, backend)
            write_whole(path, capture(folder / f"{item.script}.py", backend))
            written.append(path)
    return written


def capture(script: Path, backend: str = MAIN_BACKEND) -> str:
    """Runs a script in its own process; returns its output and Keras's warnings.

    Args:
        script: Path of the script.
        backend: Name of the Keras backend.

    Raises:
        SuiteError: The script fails.
    """
    # Results of the CPU, without log lines of the backend.
    chosen = {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    command, environment = [sys.executable, str(script)], os.environ | chosen
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise SuiteError(f"{script.name} failed on {backend}; run it by itself. Received: {last}")
    warned = dict.fromkeys(re.findall(r"UserWarning: .+", done.stderr))
    return done.stdout + "".join(f"\n{line}\n" for line in warned)


def page(
    folder: Path, found: Mapping[Case, Analysis], environments: Iterable[Mapping[str, Any]] = ()
) -> str:
    """Returns the page as Markdown.

    Args:
        folder: The folder of the scripts and of their captured outputs.
        found: `{case: Analysis}`.
        environments: The environments of the runs, as stored in manifests.

    Raises:
        SuiteError: A script has no captured output, or an arm is not stored.
    """
    parts = [HEAD]
    items = [(one, item) for one in found.values() for item in one.evidence.undocumented]
    for place, (analysis, item) in enumerate(items, start=1):
        parts += [f"## {place}. {item.title}", *_section(folder, item)]
        parts += _measured(analysis.case, item, analysis.per_seed)
    return "\n\n".join([*parts, "## How this was measured", FOOT, *_made(environments)]) + "\n"


def _section(folder, item):
    """Yields the description, with the script and its output."""
    yield item.what
    yield f"**Where in Keras.** {item.where}"
    yield f"**Before.** {item.since}"
    yield f"**Script.** [{item.script}.py]({item.script}.py) prints:"
    for backend in item.backends:
        yield f"```text\n{_output(folder, item, backend).strip()}\n```"


def _output(folder, item, backend):
    path = folder / output_name(item, backend)
    if not path.exists():
        raise SuiteError(
            f"{item.script} has no captured output; run the scripts with: python -m "
            f"reproductions undocumented. Received: no {path.name}"
        )
    return path.read_text(encoding="utf-8")


def _measured(case, item, outcomes):
    """Yields the results of our seeds: arms side by side, and questions with answers."""
    yield f"**Measured** on the case [{case.name}](../{case.name}/report.md):"
    yield "\n".join(_line(case, item, outcomes, arm) for arm in item.shown)
    _, results = claim_results.answers(item.tests, outcomes)
    lines = [
        f"- {result.question}: {result.answer} ({claim_results.evidence_text(vars(result))})"
        for result in results
    ]
    yield "**Asked** of the same seeds:"
    yield "\n".join(lines)


def _line(case, item, outcomes, arm):
    """Returns the metrics of one arm over seeds, at its longest budget."""
    part = outcomes.of(arm).reset_index()
    for name in item.metrics:
        check_metric(name, part, arm)
    part = part[["arm", "seed", "steps", *item.metrics]]
    summary = tables.summary(part, outcomes.rule).set_index("metric")
    clauses = [_clause(name, summary.loc[name]) for name in item.metrics]
    at = f"{len(part):,} seeds after {int(part['steps'].iloc[0]):,} steps"
    return f"- `{arm}` ({_why(case, arm)}), {at}: {', '.join(clauses)}"


def _clause(name, row):
    if name in tables.RATES:
        return f"`{name}` in {text.row_interval(row)}"
    return f"median `{name}` {text.row_interval(row, text.number, digits=4)}"


def _why(case, arm):
    """Describes an arm by its changes."""
    if arm in case.variants:
        chosen = case.variants[arm]
        return f"{chosen.why}: `{chosen.start}` with {_changes(chosen.changes)}"
    fixes = plans.fixes_of(case, arm)
    made = _changes({k: v for name in fixes for k, v in case.fixes[name].changes.items()})
    return f"`broken` with {made}" if made else "as asked"


def _changes(changes):
    return ", ".join(f"{name}={value!r}" for name, value in changes.items())


def _made(environments):
    """Yields the software and the processors of the runs, each once."""
    lines = [f"- {text.environment(made)}" for made in environments]
    if lines:
        yield "The seeds were trained on:\n\n" + "\n".join(dict.fromkeys(lines))
