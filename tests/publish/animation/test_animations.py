"""Animations: frames are checkpoints, panels draw the tables, films keep every picture."""

import io
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import reproductions
from experiments import SuiteError, fix
from experiments.analysis import tables
from experiments.cases import plans
from experiments.publish.animation import (
    animations,
    canvas,
    encoding,
    frames,
    panels,
    trajectory_maps,
    trajectory_table,
)
from experiments.report import style
from experiments.runs.store import Store
from tests import toy
from tests.publish.animation.test_trajectories import lines_case as racing
from tests.publish.animation.test_trajectories import surface
from tests.test_texts import METHOD, NUMBER, re, spoken

ROOT = pathlib.Path(reproductions.__file__).parent.parent
CASES = reproductions.names()
WRITERS = ("frames", "trajectory_table", "trajectory_maps", "panels", "animations", "canvas")


def opened(name):
    case = reproductions.load(name)
    return case, Store(ROOT / "results" / name, case)


def panel(arm="broken", end=10, snapshots=None, **changes):
    parts = dict(fixes=plans.fixes_of(toy.CASE, arm), is_cut=False, solved=False, value=0.1)
    snapshots = snapshots or {0: np.zeros(50), 2: np.full(50, 0.1), end: np.full(50, 0.2)}
    return frames.Panel(arm=arm, end=end, snapshots=snapshots, **parts | changes)


def pictures(num=3, height=8, width=12):
    """Flat pictures, each of another grey, with one red pixel that moves."""
    found = [np.full((height, width, 3), 40 * (n + 1), np.uint8) for n in range(num)]
    for n, picture in enumerate(found):
        picture[0, n] = (255, 0, 0)
    return found


# Which seed, which arms, which frames.


def test_a_panel_stays_at_its_last_checkpoint():
    shown = panel(snapshots={0: "a", 1: "b", 10: "c"})
    assert [shown.at(step) for step in (0, 5, 10, 99)] == [(0, "a"), (1, "b"), (10, "c"), (10, "c")]


def test_there_is_a_frame_at_every_checkpoint_of_any_panel_and_at_no_other_step():
    shown = [panel(snapshots={0: 0, 1: 0, 7: 0}), panel(snapshots={0: 0, 2: 0, 100: 0})]
    assert frames.clock(shown) == [0, 1, 2, 7, 100]


def test_panels_count_through_the_fixes_the_last_one_fastest():
    assert frames.arms(toy.CASE) == ["broken", "longer", "bend", "fixed"]
    assert plans.fixes_of(toy.CASE, "fixed") == ("bend", "longer")
    assert plans.fixes_of(toy.CASE, "broken") == ()


def test_of_many_fixes_one_in_and_one_out_are_shown():
    fields = ("learning_rate", "batch_size", "num_samples", "epochs", "optimizer")
    values = (0.2, 8, 60, 3, "Adam")
    fixes = {f: fix("why", **{f: v}) for f, v in zip(fields, values, strict=True)}
    arms = frames.arms(toy.make(fixes=fixes, variants={}))
    assert len(arms) == len(set(arms)) == 12
    assert arms[0] == "broken" and arms[-1] == "fixed"


@pytest.fixture
def made_up(monkeypatch):
    """Makes up runs: `{arm: {seed: (mse, solved)}}`; all seeds have kept curves."""

    def make(runs, kept=range(10)):
        rows = [
            dict(arm=arm, seed=seed, steps=8, mse=mse, solved=solved)
            for arm, seeds in runs.items()
            for seed, (mse, solved) in enumerate(seeds)
        ]
        curves = pd.DataFrame({"arm": "broken", "seed": list(kept)})
        monkeypatch.setattr(tables, "runs", lambda store: pd.DataFrame(rows))
        monkeypatch.setattr(tables, "stored", lambda store, name: curves)

    return make


def test_the_showcase_seed_is_nearest_the_middle_of_every_arm(made_up):
    low_to_high = [(0.1, False), (0.2, False), (0.3, False)]
    made_up(dict.fromkeys(("broken", "bend", "longer", "fixed"), low_to_high))
    assert frames.showcase_seed(toy.CASE, None) == 1


def test_the_showcase_seed_has_the_outcomes_of_the_majority(made_up):
    failing = [(0.1, False), (0.2, False), (0.3, False), (0.4, False)]
    runs = dict.fromkeys(("broken", "bend", "longer"), failing)
    made_up(runs | {"fixed": [(0.1, True), (0.2, False), (0.3, True), (0.4, True)]})
    assert frames.showcase_seed(toy.CASE, None) == 2


def test_a_seed_without_kept_curves_is_not_shown(made_up):
    low_to_high = [(0.1, False), (0.2, False), (0.3, False)]
    made_up(dict.fromkeys(("broken", "bend", "longer", "fixed"), low_to_high), kept=[2])
    assert frames.showcase_seed(toy.CASE, None) == 2
    made_up(dict.fromkeys(("broken", "bend", "longer", "fixed"), low_to_high), kept=[7])
    with pytest.raises(SuiteError, match="record toy --animations. Received: no seed with kept"):
        frames.showcase_seed(toy.CASE, None)


def test_without_kept_curves_the_message_names_the_command(tmp_path):
    with pytest.raises(SuiteError, match="record toy --animations. Received: .*no seeds.csv"):
        frames.panels(toy.CASE, Store(tmp_path, toy.CASE))


@pytest.mark.parametrize("name", CASES)
def test_the_frames_of_a_committed_case_are_its_stored_checkpoints(name):
    case, store = opened(name)
    table, seed = tables.stored(store, "seeds.csv"), frames.showcase_seed(case, store)
    for shown in frames.panels(case, store):
        part = table[(table["arm"] == shown.arm) & (table["seed"] == seed)]
        part = part[part["steps"] == part["steps"].max()]
        assert list(shown.snapshots) == sorted(part["checkpoint"])
        assert max(shown.snapshots) == shown.end


# The words.


@pytest.mark.parametrize("name", CASES)
def test_the_words_of_a_committed_case_name_every_arm_and_count_the_solved(name):
    case, store = opened(name)
    words, shown = frames.caption(case, store), frames.panels(case, store)
    num_solved = sum(one.solved for one in shown)
    assert f"Solved at the end: {num_solved} of {len(shown)} (" in words.text
    assert f"Seed {frames.showcase_seed(case, store)} " in words.text
    assert all(one.arm in words.alt for one in shown)


@pytest.mark.parametrize("name", WRITERS)
def test_a_module_that_writes_texts_types_no_number(name):
    texts = spoken(ROOT / "experiments/publish/animation" / f"{name}.py")
    assert not [text for text in texts if NUMBER.findall(re.sub(METHOD, "", text))]


# The panels.


def drawn_side_by_side(*shown, theme="light"):
    return panels.SideBySide(toy.CASE, list(shown), 3, style.make_theme(theme))


def lines_of(drawn):
    """The y of the network's line in every panel, in order."""
    axes = [a for a in drawn.canvas.figure.axes if len(a.lines) == 2]
    return [a.lines[-1].get_ydata() for a in axes]


def said(drawn):
    texts = [*drawn.canvas.figure.texts, *(t for a in drawn.canvas.figure.axes for t in a.texts)]
    return [text.get_text() for text in texts if text.get_visible() and text.get_text()]


def test_a_panel_draws_the_outputs_of_its_checkpoint():
    slow = panel("fixed", 40, {0: np.zeros(50), 40: np.linspace(0, 0.2, 50)})
    drawn = drawn_side_by_side(panel(), slow)
    drawn.picture(10)
    first, second = lines_of(drawn)
    assert first.tolist() == [0.2] * 50
    assert second.tolist() == [0.0] * 50
    drawn.picture(40)
    assert lines_of(drawn)[1][-1] == 0.2


def test_an_outcome_is_said_when_an_arm_is_done_and_not_before():
    drawn = drawn_side_by_side(panel(end=10, solved=True), panel("bend", 40, is_cut=True))
    drawn.picture(2)
    assert not {"✓ solved", "✗ not solved"} & set(said(drawn))
    assert said(drawn).count("step 2") == 3
    drawn.picture(10)
    assert "✓ solved" in said(drawn) and "done at 10" in said(drawn)
    assert "✗ not solved" not in said(drawn)
    drawn.picture(40)
    assert {"✗ not solved", "cut at 40", "done at 10"} <= set(said(drawn))


def test_a_curve_that_lies_outside_is_named_with_its_values():
    far = panel(snapshots={0: np.linspace(70, 90, 50), 10: np.full(50, np.nan)})
    drawn = drawn_side_by_side(far)
    drawn.picture(0)
    assert "↑ at 70 to 90" in said(drawn)
    drawn.picture(10)
    assert "not finite" in said(drawn)


def test_each_panel_has_a_chip_in_the_colour_of_each_of_its_fixes():
    theme = style.make_theme("dark")
    colours = style.arm_colours(toy.CASE, theme)
    drawn = drawn_side_by_side(panel(), panel("fixed"), theme="dark")
    labels = [t for t in drawn.canvas.figure.texts if t.get_bbox_patch()]
    assert [t.get_text() for t in labels] == ["broken", "bend", "longer"]
    edges = [t.get_bbox_patch().get_edgecolor()[:3] for t in labels]
    for chip, edge in zip(labels, edges, strict=True):
        assert np.allclose(edge, canvas.to_rgb(colours[chip.get_text()]))


def test_a_slice_of_one_class_says_so():
    case, store = opened("sum_hinge")
    shown = frames.panels(case, store)
    drawn = panels.SideBySide(case, shown, 0, style.make_theme())
    drawn.picture(frames.clock(shown)[-1])
    one_class = [p for p in shown if (p.at(10**9)[1] > 0).all()]
    assert said(drawn).count("all class 1") == len(one_class) > 0


@pytest.mark.parametrize("step, place", [(0, 0.0), (1, 0.5 / 3.5), (1000, 1.0)])
def test_time_is_logarithmic_from_1_with_a_place_for_0(step, place):
    assert canvas.along(step, 1000) == pytest.approx(place)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", style.WIDTHS)
def test_no_text_leaves_the_picture_of_a_committed_case(name, width):
    case, store = opened(name)
    shown = frames.panels(case, store)
    drawn = panels.SideBySide(case, shown, 0, style.make_theme("light", width))
    check_texts(drawn, frames.clock(shown)[-1])


def check_texts(drawn, step):
    height, width, _ = drawn.picture(step).shape
    assert width == 1200 and height % 2 == 0
    renderer = drawn.canvas._canvas.get_renderer()
    for text in drawn.canvas.figure.findobj(stage_text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent(renderer)
            inside = 0 <= box.x0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height
            assert inside, text.get_text()


def stage_text(artist):
    return type(artist).__name__ in ("Text", "Annotation")


# The race.


def maps(theme="light", width="column"):
    return trajectory_maps.TrajectoryMaps(
        racing(), {"lines": surface()}, style.make_theme(theme, width)
    )


def test_a_path_is_drawn_up_to_the_step_and_no_further():
    drawn = maps()
    drawn.picture(1)
    race = drawn._drawn[0]
    x, y = race._lines["Adam"].get_data()
    scale = surface().unit
    assert np.allclose([x, y], trajectory_table.scaled([[0, 0.1], [0, 0.1]], scale))
    drawn.picture(40)
    assert len(race._lines["Adam"].get_xdata()) == 3


def test_a_row_says_its_loss_and_whether_it_is_below_the_bar():
    drawn = maps()
    drawn.picture(0)
    assert said(drawn).count("9.00") == 2
    drawn.picture(40)
    assert "✓ 0.000100" in said(drawn) and "diverged" in said(drawn)


def test_the_race_names_its_points_and_its_start():
    assert {"from the start", "broken", "steps"} <= set(said(maps()))


@pytest.mark.parametrize("width", style.WIDTHS)
def test_no_text_leaves_the_picture_of_committed_races(width):
    case, store = opened("ln_fit")
    drawn = trajectory_maps.TrajectoryMaps(
        case, trajectory_table.read(case, store), style.make_theme("dark", width)
    )
    check_texts(drawn, 10_000)


def test_ticks_are_round_and_far_enough_apart():
    found = trajectory_maps.ticks(-1.2, 500, 1.0)
    assert {0.0, 1.0, 10.0, 100.0} <= set(found)
    gaps = np.diff(trajectory_table.scaled(found, 1.0))
    assert gaps.min() >= trajectory_maps.NEAREST_TICKS * np.ptp(
        trajectory_table.scaled([-1.2, 500], 1.0)
    )


def test_a_case_without_races_writes_none(tmp_path):
    assert animations.race(toy.CASE, None, style.make_theme(), tmp_path / "race") == []
    assert not list(tmp_path.iterdir())


# The films.


def test_a_gif_keeps_every_picture_and_its_time():
    from PIL import Image

    film, there = Image.open(io.BytesIO(encoding.gif(pictures(), [200, 400, 1000]))), pictures()
    assert film.n_frames == 3 and film.info["loop"] == 0
    for n, time in enumerate((200, 400, 1000)):
        film.seek(n)
        assert film.info["duration"] == time
        assert np.array_equal(np.asarray(film.convert("RGB")), there[n])


def test_a_still_is_the_last_picture(tmp_path):
    from PIL import Image

    (path,) = encoding.write(pictures(), [200] * 3, tmp_path / "a.b", ["png"])
    assert path.name == "a.b.png"
    assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), pictures()[-1])


def test_an_mp4_holds_each_picture_as_long_as_it_is_shown():
    large = [picture.repeat(8, 0).repeat(8, 1) for picture in pictures()]
    data = encoding.mp4(large, [200, 400, 1000])
    words = [
        encoding.encoder(),
        "-v",
        "error",
        "-i",
        "-",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-",
    ]
    done = subprocess.run(words, input=data, capture_output=True, check=True)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, 64, 96)
    assert len(frames) == 1 + 2 + 5
    assert np.allclose(np.median(frames, axis=(1, 2)), [40, 80, 80, *[120] * 5], atol=4)


def test_an_mp4_has_its_index_first():
    data = encoding.mp4([picture.repeat(8, 0).repeat(8, 1) for picture in pictures()], [200] * 3)
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("encode", [encoding.gif, encoding.mp4])
def test_the_same_pictures_give_the_same_bytes(encode):
    large = [picture.repeat(8, 0).repeat(8, 1) for picture in pictures()]
    assert encode(large, [200] * 3) == encode(large, [200] * 3)


def test_a_flat_area_keeps_its_very_colour_among_many():
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    picture = np.vstack([noise, np.full((40, 40, 3), (255, 254, 253), np.uint8)])
    palette = encoding._palette([picture])
    found = palette[encoding._places(picture, palette)]
    assert len(palette) <= 255
    assert (found[40:] == (255, 254, 253)).all()


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(SuiteError, match=r"one of \('gif', 'mp4', 'png'\). Received: 'webm'"):
        encoding.write(pictures(), [200] * 3, tmp_path / "a", ["gif", "webm"])
    assert not list(tmp_path.iterdir())


def test_without_ffmpeg_the_message_names_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SuiteError, match=r'pip install -e "\.\[animation\]".*no ffmpeg'):
        encoding.write(pictures(), [200] * 3, tmp_path / "a", ["mp4"])


def test_without_the_package_the_systems_ffmpeg_is_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(shutil, "which", lambda name: f"found {name}")
    assert encoding.encoder() == "found ffmpeg"


def test_a_failing_ffmpeg_is_one_line(monkeypatch):
    monkeypatch.setattr(encoding, "encoder", lambda: "false")
    with pytest.raises(SuiteError, match="ffmpeg could not write the film"):
        encoding.mp4(pictures(), [200] * 3)


# The committed cases, from table to file.


LARGE = "ln_fit"
SIZES = [pytest.param(n, marks=[pytest.mark.slow] * (n == LARGE)) for n in CASES]


@pytest.mark.parametrize("name", SIZES)
def test_a_committed_case_is_a_small_film_of_every_checkpoint(name, tmp_path):
    from PIL import Image

    case, store = opened(name)
    (path,) = animations.side_by_side(case, store, style.make_theme(), tmp_path / "twins", ["gif"])
    assert Image.open(path).n_frames == len(frames.clock(frames.panels(case, store)))
    assert path.stat().st_size < 1_000_000


def test_the_same_tables_give_the_same_films(tmp_path):
    case, store = opened("sum_softmax")
    for name in ("a", "b"):
        animations.side_by_side(case, store, style.make_theme("dark"), tmp_path / name)
    for suffix in ("gif", "mp4"):
        first, second = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("a", "b"))
        assert first == second
        assert len(first) < 1_000_000


@pytest.mark.slow
def test_the_race_is_a_small_film_of_every_look(tmp_path):
    from PIL import Image

    case, store = opened("ln_fit")
    (path,) = animations.race(case, store, style.make_theme(), tmp_path / "race", ["gif"])
    surfaces = trajectory_table.read(case, store)
    assert Image.open(path).n_frames == len({s for g in surfaces.values() for s in g.steps})
    assert path.stat().st_size < 1_000_000


def test_drawing_imports_neither_tensorflow_nor_keras(tmp_path):
    code = f"""if True:
        import sys, reproductions
        from experiments.publish.animation import animations, trajectory_maps, trajectory_table
        from experiments.report import style
        from experiments.runs.store import Store
        case = reproductions.load("sum_hinge")
        store, theme = Store({str(ROOT / "results" / "sum_hinge")!r}, case), style.make_theme()
        animations.side_by_side(case, store, theme, {str(tmp_path / "film")!r}, ["png"])
        case = reproductions.load("ln_fit")
        store = Store({str(ROOT / "results" / "ln_fit")!r}, case)
        surfaces = trajectory_table.read(case, store)
        trajectory_maps.TrajectoryMaps(case, surfaces, theme).picture(1)
        print(sorted(set(sys.modules) & {{"tensorflow", "keras"}}))
    """
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
