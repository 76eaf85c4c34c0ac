"""Holds every result that is computed from one folder of stored rows.

Each part is computed at its first use and kept. Reports, figures, pages and commands read an
`Analysis` and compute none of its parts themselves. It owns the stopping rule of its rows, and
so the confidence of every interval.
"""

import functools

import pandas as pd

from experiments.analysis import (
    ablation,
    claim_results,
    failure_modes,
    history,
    logged_metrics,
    tables,
)
from experiments.analysis.grid_table import GridTable
from experiments.analysis.outcomes import Outcomes
from experiments.cases.case import Case
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import Evidence
from experiments.cases.validation import TRAINERS
from experiments.runs.store import Store
from experiments.stats.interim import StoppingRule

ERA = "era"
# What identifies a row of a stored table: without it the row is cut off.
NEEDED = {"summary": ("arm", "steps", "metric"), "curves": ("arm", "steps", "checkpoint")}
NEEDED |= {"seeds": NEEDED["curves"], "dissection": ("dissection",), "claims": ("claim",)}
NEEDED |= {"certificates": ("cause",), "diagnosis": ("arm",), "era": ("arm",)}


class Analysis:
    """The results computed from the stored rows of a case.

    Args:
        case: The `Case`.
        evidence: Its `Evidence`.
        store: The `Store` with its rows.
        stored: Whether tables are read from the folder, where a report wrote them, instead
            of computed, which may take minutes. A missing table is empty, see `need`.
    """

    def __init__(
        self, case: Case, evidence: Evidence, store: Store, *, stored: bool = False
    ) -> None:
        self.case, self.evidence, self.store, self.stored = case, evidence, store, stored
        self._read = {}

    def anew(self) -> "Analysis":
        """Returns a new analysis that reads the stored rows again."""
        return Analysis(self.case, self.evidence, self.store, stored=self.stored)

    def need(self, *names: str, filled: bool = False) -> None:
        """Checks that the folder has runs and these tables.

        Args:
            names: Names of tables that are read, such as `"claims"`.
            filled: Whether they must have rows.

        Raises:
            SuiteError: The text names the command that makes what is missing.
        """
        folder, name = self.store.folder, self.case.name
        if not len(self.store):
            raise SuiteError(
                f"{folder} holds no runs; train some with: python -m reproductions record "
                f"{name}. Received: no runs.csv"
            )
        for table in names:
            found = self.table(table)
            if found is None or (filled and not len(found)):
                raise SuiteError(
                    f"{folder} lacks {table}.csv; write it with: python -m reproductions report "
                    f"{name}. Received: no such table"
                )

    def table(self, name: str) -> pd.DataFrame | None:
        """Returns a table as read from its file, or `None` if the file is missing."""
        if name not in self._read:
            self._read[name] = tables.stored(self.store, f"{name}.csv", NEEDED[name])
        return self._read[name]

    def _kept(self, name, columns=()):
        """Returns a table of the folder, empty if it is not there."""
        found = self.table(name)
        return pd.DataFrame(columns=list(columns)) if found is None else found

    @property
    def is_engine(self) -> bool:
        """Whether the engine made the rows; all conclusions rest on its rows alone."""
        return self.store.trainer == TRAINERS[0]

    @functools.cached_property
    def rule(self) -> StoppingRule:
        """The stopping rule of the rows."""
        return tables.rule(self.store)

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """The stored rows: see `tables.runs`."""
        return tables.runs(self.store)

    @functools.cached_property
    def num_seeds(self) -> dict:
        """Number of seeds, `{(arm, steps): number}`."""
        return self.runs.groupby(["arm", "steps"]).size().to_dict()

    @functools.cached_property
    def summary(self) -> pd.DataFrame:
        """Rates and medians by arm, budget and metric: see `tables.summary`."""
        return tables.summary(self.runs, self.rule)

    @functools.cached_property
    def outcomes(self) -> pd.DataFrame:
        """One row per arm and budget, with its verdict: see `tables.outcomes`."""
        return tables.outcomes(self.case, self.summary, self.rule)

    @functools.cached_property
    def _curves_text(self):
        return tables.to_csv(tables.curves(self.store, self.table("curves")), 4)

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """Quantiles at checkpoints, as stored in their file: see `tables.curves`."""
        # Read back, so that a rebuild from disk draws the very same numbers.
        if self.stored:
            return self._kept("curves")
        return tables.from_csv(self._curves_text)  # pyright: ignore[reportReturnType]  # no None in

    @functools.cached_property
    def showcase(self) -> pd.DataFrame:
        """Some seeds of each arm at checkpoints: see `tables.showcase`."""
        old = self.table("seeds")
        return self._kept("seeds") if self.stored else tables.showcase(self.store, old)

    @functools.cached_property
    def per_seed(self) -> Outcomes:
        """Outcomes of each seed, with the grids and other trainers that claims refer to."""
        folder, studies, others = self.store.folder, {}, {}
        arms = [arm for claim in self.evidence.claims for arm in claim.arms]
        requested = {arm.partition(":")[0] for arm in arms if ":" in arm}
        for grid in self.evidence.grids:
            if (folder / "studies" / f"{grid.name}.csv").exists():
                studies[grid.name] = GridTable(folder / "studies", self.case, grid)
        for trainer in requested & set(TRAINERS):
            if (folder / trainer / "runs.csv").exists():
                other = Store(folder / trainer, self.case, trainer)
                others[trainer] = tables.runs(other), tables.rule(other)
        return Outcomes(self.case, self.runs, self.rule, studies, others)

    @functools.cached_property
    def ablations(self) -> list[ablation.Ablation]:
        """The outcomes under every combination of fixes: see `ablation.budgets`."""
        own = Outcomes(self.case, self.runs, self.rule)
        return ablation.budgets(self.evidence.recorded, own)

    @functools.cached_property
    def ablation(self) -> pd.DataFrame:
        """The contribution of every fix: see `ablation.table`."""
        if self.stored:
            return self._kept("dissection", ablation.COLUMNS)
        return ablation.table(self.ablations)

    @functools.cached_property
    def answer(self) -> str:
        """Which fixes are enough and which are needed, in one line."""
        return ablation.answer(self.ablations)

    @functools.cached_property
    def sensitivity(self) -> pd.DataFrame:
        """Each arm's verdict with another threshold: see `ablation.flips`."""
        return ablation.flips(self.case, self.runs, self.rule)

    @functools.cached_property
    def claims(self) -> pd.DataFrame:
        """The result of each claim: see `claim_results.claims_table`."""
        if self.stored:
            return self._kept("claims", claim_results.CLAIM_COLUMNS)
        return claim_results.claims_table(self.evidence.claims, self.per_seed)

    @functools.cached_property
    def interventions(self) -> pd.DataFrame:
        """The result of each intervention: see `claim_results.interventions_table`."""
        if self.stored:
            return self._kept("certificates", claim_results.INTERVENTION_COLUMNS)
        return claim_results.interventions_table(self.evidence.interventions, self.per_seed)

    @functools.cached_property
    def failure_modes(self) -> pd.DataFrame:
        """The symptoms of each arm: see `failure_modes.diagnose`."""
        if self.stored:
            return self._kept("diagnosis", failure_modes.COLUMNS)
        return failure_modes.diagnose(self.case, self.runs, self.rule)

    @functools.cached_property
    def logged_metrics(self) -> pd.DataFrame:
        """Logged against true metrics: see `logged_metrics.metric_check`."""
        return logged_metrics.metric_check(self.case, self.runs, self.rule)

    @functools.cached_property
    def history(self) -> pd.DataFrame | None:
        """Each arm compared with the software of its time: see `history.compare`.

        `None` if the tables of that software are not available.
        """
        if self.stored:
            return self.table("era")
        folder = self.store.folder.parent / ERA
        if not folder.is_dir():
            return None
        return history.compare(self.case, self.evidence.history, self.runs, folder)

    def texts(self, pictures: bool = True) -> dict[str, str]:
        """Returns `{file name: CSV text}` of the tables that a report writes.

        Args:
            pictures: Whether the tables that figures need are included.
        """
        found = {"summary.csv": tables.to_csv(self.summary)}
        if pictures:
            found |= {"curves.csv": self._curves_text, "seeds.csv": tables.to_csv(self.showcase, 3)}
        return found | {f"{n}.csv": tables.to_csv(t) for n, t in self._evidence().items()}

    def _evidence(self):
        """Returns the evidence tables by file name; none for other trainers."""
        if not self.is_engine:
            return {}
        found = {
            "dissection": self.ablation,
            "sensitivity": self.sensitivity,
            "claims": self.claims,
            "certificates": self.interventions,
            "diagnosis": self.failure_modes,
            "metric_check": self.logged_metrics,
        }
        return found if self.history is None else found | {"era": self.history}
