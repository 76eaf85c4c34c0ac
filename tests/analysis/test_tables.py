"""Tables: counted by hand, nothing lost, and an honest line about agreement."""

import numpy as np
import pandas as pd
import pytest

from experiments.analysis import baselines, tables
from experiments.cases import plans
from experiments.cases.errors import SuiteError
from experiments.report import report
from experiments.report.markdown import markdown
from experiments.runs import runner
from experiments.runs.store import Store
from experiments.stats.interim import FIXED
from tests import toy
from tests.runs.test_store import ENVIRONMENT, rows


def toy_runs(values, metric="mse", arm="broken"):
    table = {"arm": arm, "seed": range(len(values)), "steps": 8, "diverged": False}
    return pd.DataFrame(table | {"solved": [v < 0.5 for v in values], metric: values})


def line(summary, metric):
    (found,) = summary[summary["metric"] == metric].to_dict("records")
    return found


def test_summary_counts_by_hand():
    summary = tables.summary(toy_runs([0.1, 0.2, 0.3, 0.9, 1.1, 0.4, 0.7, 0.8, 0.6]), FIXED)
    assert line(summary, "solved")["estimate"] == pytest.approx(4 / 9)
    assert line(summary, "mse")["estimate"] == 0.6
    assert line(summary, "mse")["num_seeds"] == 9
    assert line(summary, "diverged")["estimate"] == 0


def test_a_diverged_seed_stays_in_the_median():
    summary = tables.summary(toy_runs([0.1, np.inf, np.inf]), FIXED)
    assert line(summary, "mse")["estimate"] == np.inf


def test_a_metric_that_does_not_apply_has_no_line():
    both = pd.concat([toy_runs([0.1] * 3), toy_runs([0.2] * 3, "dead_2", "neck")])
    summary = tables.summary(both, FIXED)
    assert set(summary[summary["arm"] == "neck"]["metric"]) == {"diverged", "solved", "dead_2"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("tables") / "a", toy.CASE)
    runner.train(toy.CASE, plans.select(toy.CASE, "all"), list(range(20)), store)
    return store


def test_curves_hold_quantiles_over_all_seeds(trained):
    curves = tables.curves(trained)
    assert set(curves["num_seeds"]) == {20}
    runs = tables.runs(trained)
    for (arm, steps), part in runs.groupby(["arm", "steps"]):
        last = curves[(curves["arm"] == arm) & (curves["checkpoint"] == steps)]
        (row,) = last[last["metric"] == "mse"].to_dict("records")
        ordered = np.sort(part["mse"])
        assert row["q50"] == pytest.approx(ordered[9], rel=1e-5)
        assert row["q05"] == pytest.approx(ordered[0], rel=1e-5)
        assert len(last[last["metric"] == "prediction"]) == 50


def test_cells_are_written_by_their_own_kind_and_not_by_their_columns():
    values = [42.0, np.float32(0.5), 1e7, 10**7, np.int64(3), True, "a,b", None, np.nan, pd.NA]
    words = ["42", "0.5", "1e+07", "10000000", "3", "True", '"a,b"', '""', '""', '""']
    table = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    assert tables.to_csv(table) == "\n".join(["x", *words, ""])
    assert tables.to_csv(pd.DataFrame({"x": [42.0, np.nan], "n": [1, 2]})) == "x,n\n42,1\n,2\n"


def test_the_showcase_without_traces_is_the_old_one_with_its_types(trained, tmp_path):
    old = tables.from_csv(tables.to_csv(tables.showcase(trained), 3))
    bare = Store(tmp_path / "bare", toy.CASE)
    bare.add(trained.frame(), ENVIRONMENT)
    pd.testing.assert_frame_equal(tables.showcase(bare, old), old)


def test_curves_survive_the_loss_of_the_traces(trained, tmp_path):
    old = tables.from_csv(tables.to_csv(tables.curves(trained), 4))
    bare = Store(tmp_path / "bare", toy.CASE)
    bare.add(trained.frame(), ENVIRONMENT)
    kept = tables.curves(bare, old)
    pd.testing.assert_frame_equal(kept, old)


def test_showcase_holds_sixteen_seeds_at_every_checkpoint(trained):
    table = tables.showcase(trained)
    part = table[table["arm"] == "fixed"]
    assert sorted(part["seed"].unique()) == list(range(16))
    assert part.groupby("seed").size().nunique() == 1
    assert [c for c in table if c.startswith("p")] == [f"p{n:02d}" for n in range(1, 51)]


def test_stale_rows_make_no_table(tmp_path):
    store = Store(tmp_path / "a", toy.CASE)
    store.add(rows(key="000000000000"), ENVIRONMENT)
    with pytest.raises(SuiteError, match="record toy"):
        tables.runs(store)


def test_differences_read_name_and_why():
    table = tables.differences(toy.CASE).set_index("field")
    assert table.loc["activation", "why"] == "bend: a line cannot bend"
    assert table.loc["batch_size", "why"] == ""
    words = report.difference_table(toy.CASE).set_index("field")
    assert words.loc["epochs", ["broken", "fixed"]].tolist() == ["2", "5"]
    assert words.loc["batch_size", "fixed"] == "as broken"


def test_the_first_checkpoint_at_or_below_a_value():
    table = pd.DataFrame(
        {
            "arm": "fixed",
            "steps": 10,
            "checkpoint": [0, 1, 2, 5],
            "metric": "points_mse",
            "num_seeds": 7,
            "q50": [4.0, 2.0, 1.0, 0.5],
        }
    )
    reached = tables.first_reaching(table, "points_mse", 1.0)
    assert (reached.checkpoint, reached.median, reached.num_seeds) == (2, 1.0, 7)
    assert tables.first_reaching(table, "points_mse", 0.1) is None


def test_yardstick_and_threshold_speak_the_same_unit():
    value, _ = baselines.baseline(toy.CASE)
    bar, words = baselines.threshold(toy.CASE)
    assert bar == pytest.approx(0.05 * value)
    assert words == "solved: R2 >= 0.95"


def test_markdown_escapes_a_bar():
    assert markdown(pd.DataFrame({"a": ["x|y"]})) == "| a |\n| --- |\n| x\\|y |"


@pytest.mark.parametrize("name", ["curves.csv", "seeds.csv"])
@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "arm,steps,checkpoint\nbroken\n", '"x'])
def test_a_damaged_derived_table_is_one_clear_line(tmp_path, name, text):
    store = Store(tmp_path / "a", toy.CASE)
    store.write_text(name, text)
    with pytest.raises(SuiteError, match=f"{name} is damaged"):
        tables.stored(store, name)
