"""The store: what it keeps is what was put in, and nothing wrong is read silently."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from experiments.cases.errors import SuiteError
from experiments.runs import files, manifests
from experiments.runs.files import as_text, checksum, write_whole
from experiments.runs.keys import row_key
from experiments.runs.store import Store
from experiments.training.columns import typed
from tests import toy

ENVIRONMENT = {"python": "3", "keras": "3.0", "tensorflow": "2.0", "numpy": "2.0"}


def rows(arm="broken", seeds=(0, 1), key=None, **metrics):
    setup = toy.CASE.arm(arm)
    made_by = key or row_key(toy.CASE, setup)
    head = {"arm": arm, "seed": seeds, "steps": setup.num_steps, "diverged": False, "solved": True}
    return typed({**head, "mse": 0.1 + np.array(seeds), "key": made_by, **metrics})


def filled(folder, **options):
    store = Store(folder, toy.CASE)
    store.add(rows(**options), ENVIRONMENT)
    return store


def test_rows_come_back_as_they_were_stored(tmp_path):
    written = filled(tmp_path / "a").frame()
    assert Store(tmp_path / "a", toy.CASE).frame().equals(written)
    assert written["mse"].tolist() == [0.1, 1.1]


def test_columns_are_in_the_documented_order(tmp_path):
    filled(tmp_path / "a", zeta=1.0, r2=0.5)
    header = (tmp_path / "a/runs.csv").read_text().splitlines()[0]
    assert header == "arm,seed,steps,diverged,solved,mse,r2,zeta,check,environment,key"


def test_rows_are_sorted_by_arm_and_number(tmp_path):
    store = Store(tmp_path / "a", toy.CASE)
    store.add(rows("fixed", (10, 9)), ENVIRONMENT)
    store.add(rows("broken", (2,)), ENVIRONMENT)
    places = store.frame()[["arm", "seed"]].to_numpy().tolist()
    assert places == [["broken", 2], ["fixed", 9], ["fixed", 10]]


def test_the_same_rows_make_the_same_bytes_in_any_order(tmp_path):
    first, second = Store(tmp_path / "a", toy.CASE), Store(tmp_path / "b", toy.CASE)
    first.add(pd.concat([rows(seeds=(0, 1)), rows("fixed")]), ENVIRONMENT)
    second.add(rows("fixed"), ENVIRONMENT)
    second.add(rows(seeds=(1, 0)), ENVIRONMENT)
    assert (tmp_path / "a/runs.csv").read_bytes() == (tmp_path / "b/runs.csv").read_bytes()


def test_missing_names_the_seeds_without_a_current_row(tmp_path):
    store = filled(tmp_path / "a", seeds=(0, 2))
    assert store.missing("broken", toy.CASE.broken, [0, 1, 2, 3]) == [1, 3]


def test_rows_of_another_key_are_stale_and_missing(tmp_path):
    store = filled(tmp_path / "a", key="000000000000")
    assert store.stale() == {("broken", toy.CASE.broken.num_steps): 2}
    assert store.missing("broken", toy.CASE.broken, [0, 1]) == [0, 1]


def test_rows_of_an_arm_that_is_gone_are_stale(tmp_path):
    store = Store(tmp_path / "a", toy.CASE)
    store.add(rows().assign(arm="gone"), ENVIRONMENT)
    assert ("gone", toy.CASE.broken.num_steps) in store.stale()


@pytest.mark.parametrize("package", ["keras", "tensorflow"])
def test_rows_of_other_versions_are_refused(tmp_path, package):
    store = filled(tmp_path / "a")
    before = (tmp_path / "a/runs.csv").read_bytes()
    with pytest.raises(SuiteError, match=f"{package} 9.9.*|--fresh"):
        store.add(rows(seeds=(5,)), ENVIRONMENT | {package: "9.9"})
    assert (tmp_path / "a/runs.csv").read_bytes() == before


def test_another_processor_is_another_environment(tmp_path):
    store = filled(tmp_path / "a")
    store.add(rows(seeds=(5,)), ENVIRONMENT | {"processor": "another"})
    assert store.frame()["environment"].tolist() == [0, 0, 1]


def test_every_changed_byte_of_a_row_is_noticed(tmp_path):
    filled(tmp_path / "a")
    path = tmp_path / "a/runs.csv"
    text = path.read_text()
    start = text.index("\n") + 1
    for place in range(start, len(text) - 1):
        if text[place] not in ",\n":
            changed = "7" if text[place] != "7" else "8"
            path.write_text(text[:place] + changed + text[place + 1 :])
            with pytest.raises(SuiteError, match=r"runs\.csv, line \d+ is damaged"):
                Store(tmp_path / "a", toy.CASE)


def test_a_cut_off_file_is_noticed_or_lacks_whole_rows_only(tmp_path):
    written = filled(tmp_path / "a", seeds=range(4)).frame()
    path = tmp_path / "a/runs.csv"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            found = Store(tmp_path / "a", toy.CASE).frame()
        except SuiteError as error:
            assert "damaged" in str(error)
        else:
            assert found.to_csv() == written[: len(found)].to_csv()


def test_a_row_that_stands_twice_is_noticed(tmp_path):
    filled(tmp_path / "a")
    path = tmp_path / "a/runs.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
    with pytest.raises(SuiteError, match="twice"):
        Store(tmp_path / "a", toy.CASE)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', "\x00\x01"])
def test_a_damaged_manifest_is_named_and_kept(tmp_path, text):
    filled(tmp_path / "a")
    (tmp_path / "a/manifest.json").write_text(text)
    with pytest.raises(SuiteError, match=r"manifest\.json is damaged.*--fresh"):
        Store(tmp_path / "a", toy.CASE)
    assert (tmp_path / "a/manifest.json").read_text() == text


def change_manifest(folder, **facts):
    path = folder / "manifest.json"
    changed = json.loads(path.read_text()) | facts
    path.write_text(json.dumps(changed | {"check": manifests.checksum(changed)}))


@pytest.mark.parametrize("facts", [{"format": 3}, {"case": "other"}, {"trainer": "reference"}])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_newer_or_foreign_store_is_refused_even_when_fresh(tmp_path, facts, fresh):
    filled(tmp_path / "a")
    change_manifest(tmp_path / "a", **facts)
    with pytest.raises(SuiteError, match="not this run's to write"):
        Store(tmp_path / "a", toy.CASE, fresh=fresh)
    assert (tmp_path / "a/runs.csv").exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_someone_elses_is_refused_and_kept(tmp_path, fresh):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/thesis.txt").write_text("three years of work")
    with pytest.raises(SuiteError, match=r"did not write.*thesis\.txt"):
        Store(tmp_path / "a", toy.CASE, fresh=fresh)
    assert (tmp_path / "a/thesis.txt").read_text() == "three years of work"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "a").write_text("a file")
    with pytest.raises(SuiteError, match="must name a folder"):
        Store(tmp_path / "a", toy.CASE)


def test_fresh_removes_our_files_and_no_others(tmp_path):
    filled(tmp_path / "a")
    (tmp_path / "a/notes.txt").write_text("mine")
    store = Store(tmp_path / "a", toy.CASE, fresh=True)
    assert len(store) == 0
    store.begin()
    assert not (tmp_path / "a/runs.csv").exists()
    assert (tmp_path / "a/notes.txt").read_text() == "mine"


def test_fresh_mends_a_damaged_folder(tmp_path):
    filled(tmp_path / "a")
    (tmp_path / "a/manifest.json").write_text("{")
    (tmp_path / "a/runs.csv").write_text("nonsense")
    store = Store(tmp_path / "a", toy.CASE, fresh=True)
    assert len(store) == 0
    store.add(rows(), ENVIRONMENT)
    assert len(Store(tmp_path / "a", toy.CASE)) == 2


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_whole(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SuiteError, match="No space left on device"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_place_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "below", toy.CASE)
    with pytest.raises(SuiteError, match="Cannot write to .*--out"):
        store.add(rows(), ENVIRONMENT)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "1"), (False, "0"), (1 / 3, "0.3333333"), (float("inf"), "inf"), (12, "12")],
)
def test_cells_are_written_in_seven_digits(value, text):
    assert as_text(value) == text


def test_blank_cells_do_not_change_a_checksum():
    row = {"arm": "broken", "mse": "0.1"}
    assert checksum(row) == checksum(row | {"dead_2": "", "check": "whatever"})
    assert checksum(row) != checksum(row | {"dead_2": "0"})


# Units, tables and who may write.


def test_a_finished_unit_is_on_disk_before_anything_is_merged(tmp_path):
    store = Store(tmp_path / "a", toy.CASE)
    store.add_job(rows(seeds=(0, 1)), ENVIRONMENT)
    assert not (tmp_path / "a/runs.csv").exists()
    assert Store(tmp_path / "a", toy.CASE).frame()["seed"].tolist() == [0, 1]


def test_merged_units_are_the_bytes_of_rows_added_at_once(tmp_path):
    store = Store(tmp_path / "a", toy.CASE)
    for seeds in ((2, 3), (0, 1)):
        store.add_job(rows(seeds=seeds), ENVIRONMENT)
    store.add_job(rows("fixed", zeta=1.0), ENVIRONMENT)
    store.merge()
    assert not list((tmp_path / "a/.units").iterdir())
    at_once = Store(tmp_path / "b", toy.CASE)
    at_once.add(pd.concat([rows(seeds=(0, 1, 2, 3)), rows("fixed", zeta=1.0)]), ENVIRONMENT)
    assert (tmp_path / "a/runs.csv").read_bytes() == (tmp_path / "b/runs.csv").read_bytes()


def test_a_unit_that_is_merged_already_is_read_once(tmp_path):
    store = Store(tmp_path / "a", toy.CASE)
    store.add_job(rows(), ENVIRONMENT)
    (job,) = (tmp_path / "a/.units").iterdir()
    held = job.read_bytes()
    store.merge()
    # As after a death between the two steps of a merge.
    job.write_bytes(held)
    assert len(Store(tmp_path / "a", toy.CASE)) == 2


def test_every_cut_and_change_of_a_units_file_is_named(tmp_path):
    Store(tmp_path / "a", toy.CASE).add_job(rows(seeds=(0,)), ENVIRONMENT)
    (job,) = (tmp_path / "a/.units").iterdir()
    whole = job.read_bytes()
    for place in range(len(whole)):
        for data in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            job.write_bytes(data)
            with pytest.raises(SuiteError, match=f"{job.name} is damaged"):
                Store(tmp_path / "a", toy.CASE)


def test_rows_that_are_gone_are_noticed(tmp_path):
    filled(tmp_path / "a")
    (tmp_path / "a/runs.csv").unlink()
    with pytest.raises(SuiteError, match="damaged.*--fresh"):
        Store(tmp_path / "a", toy.CASE)
    assert len(Store(tmp_path / "a", toy.CASE, fresh=True)) == 0


def test_whole_rows_that_are_gone_are_noticed(tmp_path):
    filled(tmp_path / "a", seeds=range(4))
    path = tmp_path / "a/runs.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(SuiteError, match="not what the manifest says"):
        Store(tmp_path / "a", toy.CASE)


def test_a_table_changed_by_hand_is_named(tmp_path):
    store = filled(tmp_path / "a")
    store.write_text("summary.csv", "arm\nbroken\n")
    assert store.read_table("summary.csv") == "arm\nbroken\n"
    (tmp_path / "a/summary.csv").write_text("arm\nfixed\n")
    with pytest.raises(SuiteError, match="summary.csv is damaged"):
        store.read_table("summary.csv")
    assert (tmp_path / "a/summary.csv").read_text() == "arm\nfixed\n"


class Death(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("survived", range(4))
def test_a_death_at_any_write_leaves_the_table_before_or_after(tmp_path, monkeypatch, survived):
    store = filled(tmp_path / "a")
    store.write_text("summary.csv", "old")
    real, left = os.replace, [survived]

    def replace(*places):
        if not left[0]:
            raise Death
        left[0] -= 1
        real(*places)

    monkeypatch.setattr("os.replace", replace)
    if survived == 3:
        store.write_text("summary.csv", "new")
    else:
        with pytest.raises(Death):
            store.write_text("summary.csv", "new")
    monkeypatch.undo()
    # The manifest, the table, the manifest again.
    assert Store(tmp_path / "a", toy.CASE).read_table("summary.csv") == ("new", "old")[survived < 2]


def test_a_manifest_holds_one_digest_once_a_table_is_written(tmp_path):
    store = filled(tmp_path / "a")
    for text in ("old", "new", "new"):
        store.write_text("summary.csv", text)
        known = json.loads((tmp_path / "a/manifest.json").read_text())["files"]
        assert known["summary.csv"] == [files.digest(text)]


def test_what_another_process_wrote_is_read_when_its_turn_comes(tmp_path):
    first, second = Store(tmp_path / "a", toy.CASE), Store(tmp_path / "a", toy.CASE)
    first.add(rows(seeds=(0,)), ENVIRONMENT)
    with second.lock():
        second.add(rows(seeds=(1,)), ENVIRONMENT)
    assert len(second) == len(Store(tmp_path / "a", toy.CASE)) == 2


WRITER = """
import pathlib, sys
from experiments.runs.store import Store
from tests import toy
from tests.runs import test_store
store = Store(pathlib.Path(sys.argv[1]), toy.CASE)
for seed in range(int(sys.argv[2]), 20, 2):
    with store.lock():
        store.add(test_store.rows(seeds=(seed,)), test_store.ENVIRONMENT)
"""


def test_two_processes_that_write_at_once_lose_no_row(tmp_path):
    root = pathlib.Path(__file__).parents[2]
    words = [sys.executable, "-c", WRITER, str(tmp_path / "a")]
    both = [subprocess.Popen([*words, first], cwd=root) for first in ("0", "1")]
    assert [process.wait() for process in both] == [0, 0]
    found = Store(tmp_path / "a", toy.CASE).frame()
    assert found["seed"].tolist() == list(range(20))


def test_a_manifest_cut_at_any_byte_is_named(tmp_path):
    filled(tmp_path / "a")
    path = tmp_path / "a/manifest.json"
    whole = path.read_bytes()
    # The last byte is a line's end, which says nothing.
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(SuiteError, match=r"manifest\.json"):
            Store(tmp_path / "a", toy.CASE)


def test_tables_exchanged_are_named(tmp_path):
    store = filled(tmp_path / "a")
    store.write_text("summary.csv", "arm\nbroken\n")
    one, other = (tmp_path / "a" / name for name in ("runs.csv", "summary.csv"))
    texts = one.read_bytes(), other.read_bytes()
    one.write_bytes(texts[1])
    other.write_bytes(texts[0])
    with pytest.raises(SuiteError, match="damaged"):
        Store(tmp_path / "a", toy.CASE)


def test_a_fresh_start_removes_nothing_before_the_first_write(tmp_path):
    filled(tmp_path / "a")
    with Store(tmp_path / "a", toy.CASE, fresh=True).lock():
        pass
    assert len(Store(tmp_path / "a", toy.CASE)) == 2


@pytest.mark.parametrize("part", [".units", ".traces", ".progress"])
def test_a_link_out_of_the_folder_is_refused(tmp_path, part):
    store = filled(tmp_path / "a")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a" / part).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SuiteError, match="leads out of the folder"):
        store.part(part)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_damaged_trace_is_named(tmp_path):
    store = filled(tmp_path / "a")
    key = row_key(toy.CASE, toy.CASE.broken)
    store.add_trace(key, [0, 1], {"steps": np.array([0, 8]), "mse": np.ones((2, 2))})
    (trace,) = store.traces("broken", toy.CASE.broken.num_steps)
    assert trace["seeds"].tolist() == [0, 1]
    (path,) = (tmp_path / "a/.traces").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SuiteError, match=f"{path.name} is damaged; remove it"):
        list(store.traces("broken", toy.CASE.broken.num_steps))


def test_a_manifest_of_the_first_format_stands_until_something_changes(tmp_path):
    path = tmp_path / "a/manifest.json"
    filled(tmp_path / "a").note(seeds={"broken at 8 steps": 3})
    found = json.loads(path.read_text())
    first = {k: v for k, v in found.items() if k not in ("files", "check")} | {"format": 1}
    path.write_text(json.dumps(first, indent=1) + "\n")
    text = path.read_text()

    store = Store(tmp_path / "a", toy.CASE)
    store.merge()
    store.note(seeds={"broken at 8 steps": 3})
    assert path.read_text() == text

    store.note(seeds={"broken at 8 steps": 4})
    now = json.loads(path.read_text())
    assert now["format"] == manifests.FORMAT
    assert now["files"] == found["files"]
