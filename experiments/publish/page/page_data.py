"""Collects the data of the page: stored tables of some cases as one plain dict for JSON.

Nothing is drawn. `page_arms` defines how numbers are stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experiments.analysis import baselines, claim_results
from experiments.analysis.baselines import metric_label
from experiments.analysis.tables import QUANTILES
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.publish.page import page_arms, page_axes
from experiments.publish.page.page_arms import plain
from experiments.stats import text
from experiments.training import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from experiments.analysis.analysis import Analysis
    from experiments.cases.case import Case

COMMAND = "python -m reproductions page"
NEEDED = ("summary", "curves", "seeds")
# The folder of the recorded evidence, as opposed to a user's runs.
COMMITTED = "results"


def page(folders: Mapping[Case, Analysis]) -> dict[str, Any]:
    """Returns all data of the page.

    Args:
        folders: `{case: Analysis}` of their stored tables, in the order of the page.

    Returns:
        `{"command", "bands", "cases"}`: the command that writes the page, descriptions of the
        two bands, and `case_data` of each case.

    Raises:
        SuiteError: There is no case, or a folder lacks a table; the text names the
            command that makes it.
    """
    if not folders:
        raise SuiteError(
            "There is no case to show; train one with: python -m reproductions run. Received: "
            "no folder with runs"
        )
    low, quarter, _, three_quarters, high = QUANTILES
    widths = (high - low, three_quarters - quarter)
    return {
        "command": COMMAND,
        "bands": [f"middle {text.percent(width, 0)} of seeds" for width in widths],
        "cases": [case_data(analysis) for analysis in folders.values()],
    }


def case_data(analysis: Analysis) -> dict[str, Any]:
    """Returns all data of one case.

    Args:
        analysis: The `Analysis` of its stored tables.

    Returns:
        A dict of plain values: descriptions of the case, its fixes and rivals, `arms` (every
        arm at its longest stored budget), claims, interventions and sources.

    Raises:
        SuiteError: A table is missing.
    """
    case = analysis.case
    analysis.need(*NEEDED, filled=True)
    arms = page_arms.arms(analysis)
    return _facts(case) | {
        "answer": analysis.answer,
        "fixes": [_fix(case, name) for name in case.fixes],
        "lattice": list(plans.combinations(case)),
        "rivals": [_variant(case, name) for name in case.variants if name in arms],
        "frame": page_axes.frames(case, [arms[a] for a in plans.combinations(case) if a in arms]),
        "arms": arms,
        "claims": _claims(analysis.claims, arms),
        "certificates": _interventions(analysis.interventions, arms),
        "made": _made(case, analysis.store),
    }


def _facts(case):
    metric = baselines.main_metric(case)
    (constant, constant_text), (threshold, threshold_text) = (
        baselines.baseline(case),
        baselines.threshold(case),
    )
    x_label, y_label = page_axes.curve_labels(case)
    return {
        "name": case.name,
        "shows": case.shows,
        "symptom": case.symptom,
        "source": case.source,
        "metric": metric,
        "metric_label": metric_label(case),
        "x_label": x_label,
        "y_label": y_label,
        "x": plain(metrics.curve_inputs().round(2)),
        "target": plain(metrics.curve_target(case), 4),
        "constant": [plain(constant, 4), constant_text],
        "bar": [plain(threshold, 4), threshold_text],
    }


def _fix(case, name):
    changes = case.fixes[name].changes
    return {"name": name, "why": case.fixes[name].why, "changes": _changed(case.broken, changes)}


def _variant(case, name):
    """Returns a variant, and the combination of fixes at the root of its variants."""
    chosen = case.variants[name]
    start = chosen.start
    while start in case.variants:
        start = case.variants[start].start
    changed = _changed(case.arm(chosen.start), chosen.changes)
    start = start if start in ("broken", "fixed") else plans.arm_name(case, start.split("+"))
    return {
        "name": name,
        "why": chosen.why,
        "start": chosen.start,
        "lattice": start,
        "changes": changed,
    }


def _changed(before, changes):
    """Returns `[field, value before, value after]` of each change as text."""
    return [
        [field, text.value(getattr(before, field)), text.value(after)]
        for field, after in changes.items()
    ]


def _claims(table, arms):
    """Returns every claim with its verdict, and the arms of the page that it rests on."""
    if not len(table):
        return []
    rested = table.groupby(["claim", "by"], sort=False)["arm"].unique()
    rows = claim_results.text_table(table).rename(columns={"says by": "by"}).to_dict("records")
    return [
        {name: row[name] for name in ("claim", "by", "verdict", "evidence")}
        | {"arms": [arm for arm in rested[row["claim"], row["by"]] if arm in arms]}
        for row in rows
    ]


def _interventions(table, arms):
    """Returns every cause with its intervention, and the arms of the page that it rests on."""
    if not len(table):
        return []
    keys = ["arm_explained", "cause", "intervention"]
    rested = table.groupby(keys, sort=False)["arm"].unique()
    found = []
    for row in claim_results.text_table(table).to_dict("records"):
        on = [row["arm"], *rested[row["arm"], row["cause"], row["intervention"]]]
        words = {name: row[name] for name in ("arm", "cause", "intervention", "verdict")}
        shown = [arm for arm in dict.fromkeys(on) if arm in arms]
        found.append(words | {"evidence": row["evidence"], "arms": shown})
    return found


def _made(case, store):
    """Returns the origin of the numbers: the folder, the environments and the command."""
    root, _ = place = store.folder.absolute().parts[-2:]
    folder = "/".join(place)
    record = f"python -m reproductions record {case.name}"
    run = f"python -m reproductions.{case.name} --out {folder}"
    return {
        "folder": folder,
        "trainer": store.trainer,
        "command": record if root == COMMITTED else run,
        "environments": [
            text.environment(made, hardware=("system", "processor"), separator="; ")
            for made in store.environments
        ],
    }
