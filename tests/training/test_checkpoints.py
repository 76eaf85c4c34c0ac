"""States: a run that goes on from saved bytes ends as if nobody had stopped it."""

import ast
import dataclasses
import functools
import io
import json
import pathlib
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import reproductions
from experiments.training import checkpoints, engine, metrics, numpy_trainer, reference, support
from experiments.training.checkpoints import CheckpointError
from experiments.training.streams import Batches, DropoutMasks, steps_per_pass
from tests import toy

ARRAYS = {"weights 0": np.arange(6, dtype=np.float32).reshape(2, 3), "steps": np.array(7)}
FACTS = {"step": 100, "inc": 2**127 + 1, "seeds": [3, 4], "name": "a run"}


@dataclasses.dataclass(frozen=True)
class Recalled(toy.Toy):
    """Calls `fit` again and again on fresh samples, a part of them held out."""

    calls: int = 3
    validation_split: float = 0.2


# Bytes.


def sealed(body):
    """Returns bytes with the checksum that fits them."""
    return body[:-8] + b"%08x" % zlib.crc32(body[:-8])


def forged(members, method=zipfile.ZIP_STORED):
    """Returns an archive with our seal, of `(name, bytes)` that need not be ours."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
        archive.comment = b"saved state of format 1, checksum 00000000"
    return sealed(buffer.getvalue())


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


FACTS_FILE = ("facts.npy", npy(np.frombuffer(b'{"step": 1}', np.uint8)))


def test_a_state_comes_back_as_it_was():
    arrays, facts = checkpoints.unpack(checkpoints.pack(ARRAYS, FACTS))
    assert facts == FACTS
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        arrays[name][...] = 0


ANY_ARRAY = arrays_of.arrays(
    st.sampled_from(["?", "i1", "<u4", "<i8", "<f4", ">f4", "<f8", "<f2"]),
    arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@settings(max_examples=60)
@given(array=ANY_ARRAY)
def test_any_array_of_numbers_comes_back_to_the_bit(array):
    (found,) = checkpoints.unpack(checkpoints.pack({"a/b c": array}, {}))[0].values()
    assert found.tobytes() == array.tobytes()
    assert (found.dtype, found.shape) == (array.dtype, array.shape)


def test_the_same_state_gives_the_same_bytes():
    assert checkpoints.pack(ARRAYS, FACTS) == checkpoints.pack(dict(ARRAYS), dict(FACTS))


def test_numpy_reads_the_arrays_without_pickles():
    with np.load(io.BytesIO(checkpoints.pack(ARRAYS, FACTS)), allow_pickle=False) as found:
        np.testing.assert_array_equal(found["weights 0"], ARRAYS["weights 0"])
        assert json.loads(found["facts"].tobytes()) == FACTS


@pytest.mark.parametrize(
    ("arrays", "facts", "text"),
    [
        ({"a": np.array([{}], object)}, {}, "arrays of numbers. Received: object"),
        ({"a": np.array(["text"])}, {}, "arrays of numbers. Received: <U4"),
        ({"facts": np.zeros(1)}, {}, "Facts must be what JSON gives back"),
        ({}, {"seeds": (1, 2)}, "Facts must be what JSON gives back"),
        ({}, {"loss": float("nan")}, "not JSON compliant"),
    ],
)
def test_what_would_not_come_back_is_not_packed(arrays, facts, text):
    with pytest.raises(ValueError, match=text):
        checkpoints.pack(arrays, facts)


def test_every_truncation_is_refused():
    whole = checkpoints.pack(ARRAYS, FACTS)
    for length in range(len(whole)):
        with pytest.raises(CheckpointError, match="no saved state, or their end is missing"):
            checkpoints.unpack(whole[:length])


def test_every_byte_that_changes_is_seen():
    whole = checkpoints.pack(ARRAYS, FACTS)
    for place in range(len(whole)):
        for change in (1, 128):
            hurt = bytearray(whole)
            hurt[place] ^= change
            with pytest.raises(CheckpointError):
                checkpoints.unpack(bytes(hurt))


@settings(max_examples=200)
@given(data=st.data())
def test_bytes_cut_out_put_in_or_exchanged_are_seen(data):
    whole = checkpoints.pack(ARRAYS, FACTS)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    hurt = whole[:start] + data.draw(st.binary(max_size=40)) + whole[stop:]
    if hurt != whole:
        with pytest.raises(CheckpointError):
            checkpoints.unpack(hurt)


@given(st.binary(max_size=300))
def test_bytes_of_anything_else_are_refused(data):
    with pytest.raises(CheckpointError, match="no saved state"):
        checkpoints.unpack(data)


def test_forged_bytes_are_read_or_refused_and_raise_nothing_else():
    whole, rng, num_refused = checkpoints.pack(ARRAYS, FACTS), np.random.default_rng(0), 0
    for place in range(len(whole) - 8):
        hurt = bytearray(whole)
        hurt[place] = rng.integers(256)
        try:
            arrays, _ = checkpoints.unpack(sealed(bytes(hurt)))
            assert sum(array.nbytes for array in arrays.values()) <= len(whole)
        except CheckpointError:
            num_refused += 1
    assert num_refused > len(whole) // 4


def test_another_format_is_refused_by_its_number():
    body = checkpoints.pack(ARRAYS, FACTS).replace(b"of format 1,", b"of format 2,")
    with pytest.raises(CheckpointError, match="another format. Received: 2, expected 1"):
        checkpoints.unpack(sealed(body))


HUGE = npy(np.zeros(4)).replace(b"(4,), }       ", b"(4000000000,), ")


@pytest.mark.parametrize(
    ("members", "method", "text"),
    [
        ([FACTS_FILE, ("a.npy", npy(np.zeros(10**6)))], zipfile.ZIP_DEFLATED, "a compressed"),
        ([FACTS_FILE, ("a.npy", HUGE)], zipfile.ZIP_STORED, "cannot be read"),
        ([FACTS_FILE, ("a.npy", npy(np.array([{}]), allow_pickle=True))], 0, "array of object"),
        ([FACTS_FILE, ("a.txt", b"text")], zipfile.ZIP_STORED, "members"),
        ([("a.npy", npy(np.zeros(2)))], zipfile.ZIP_STORED, "KeyError: 'facts'"),
        ([("facts.npy", npy(np.frombuffer(b"[1]", np.uint8)))], 0, "facts are a list"),
        ([("facts.npy", npy(np.frombuffer(b"[" * 10**5, np.uint8)))], 0, "RecursionError"),
    ],
)
def test_a_forged_archive_is_refused(members, method, text):
    with pytest.raises(CheckpointError, match=text):
        checkpoints.unpack(forged(members, method))


def test_members_that_claim_the_same_bytes_are_refused():
    # Two entries of the directory point at one place, as in a zip that grows on reading.
    body = forged([FACTS_FILE, ("a.npy", npy(np.zeros(500)))])
    other = forged([FACTS_FILE, ("a.npy", npy(np.zeros(500))), ("b.npy", b"")])
    size = (4000 + 128).to_bytes(4, "little")
    place = other.rindex(b"PK\1\2")
    hurt = bytearray(other)
    hurt[place + 20 : place + 28] = size + size
    assert checkpoints.unpack(body)[1] == {"step": 1}
    with pytest.raises(CheckpointError, match="larger than the whole"):
        checkpoints.unpack(sealed(bytes(hurt)))


# Draws.


STREAMS = {
    "epochs": (toy.CASE, toy.Toy(epochs=6)),
    "calls": (toy.CASE, Recalled()),
    "stream": (toy.make_stream(), toy.ToyStream(steps=600)),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("num_before", range(5))
def test_batches_go_on_where_those_of_a_state_stood(name, num_before):
    case, setup = STREAMS[name]
    first = Batches(case, setup, 5)
    for _ in range(num_before):
        first.next_pass()
    state, second = json.loads(json.dumps(first.state())), Batches(case, setup, 5)
    second.restore(state)
    for _ in range(6 - num_before):
        for one, other in zip(first.next_pass(), second.next_pass(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_asking_for_the_state_draws_nothing():
    one, other = Batches(toy.CASE, Recalled(), 5), Batches(toy.CASE, Recalled(), 5)
    for _ in range(5):
        one.state()
        for mine, theirs in zip(one.next_pass(), other.next_pass(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_masks_go_on_where_those_of_a_state_stood():
    first, second = DropoutMasks(5, 0, 0.5), DropoutMasks(5, 0, 0.5)
    first.next_pass(7, 3)
    second.restore(json.loads(json.dumps(first.state())))
    np.testing.assert_array_equal(first.next_pass(50, 4), second.next_pass(50, 4))


def test_data_that_are_drawn_otherwise_now_are_seen():
    def more(s, rng, size):
        rng.random(1)
        return toy.data(s, rng, size)

    before = Batches(toy.CASE, toy.Toy(epochs=6), 5)
    before.next_pass()
    now = Batches(toy.make(data=more), toy.Toy(epochs=6), 5)
    with pytest.raises(ValueError, match=r"data\(\) draws otherwise"):
        now.restore(before.state())


# Training.

KINDS = {"engine": engine.Trainer, "reference": reference.Trainer, "numpy": numpy_trainer.Trainer}


def trainer_of(kind, case, setup):
    return engine.Trainer(case, setup, 3) if kind == "engine" else KINDS[kind](case, setup)


def bits(snapshots):
    """Returns all that was seen, as bytes by step."""
    found = {}
    for shot in snapshots:
        parts = [shot.outputs, *shot.hidden, shot.logs, shot.gradient]
        found[shot.steps] = [None if part is None else part.tobytes() for part in parts]
    return found


def watched(kind, case, setup, seeds, trainer=None, **options):
    """Returns what a trainer sees at every fourth update, and the states it could save."""
    trainer = trainer or trainer_of(kind, case, setup)
    stop, packed = setup.num_steps, {}
    marks = sorted({0, 1, *range(0, stop, max(stop // 12, 1)), stop})

    def keep(steps, make):
        packed[steps] = checkpoints.pack(*make())

    evaluation = metrics.Evaluation(case, setup, seeds)
    shots = trainer.train(seeds, marks, evaluation, keep=keep, **options)
    return bits(shots), packed


def check_goes_on(kind, case, setup, places=(0, -1)):
    """Stops a run at some of its boundaries; asserts that all later looks are the same."""
    seeds = [3] if kind == "reference" else [3, 4]
    whole, packed = watched(kind, case, setup, seeds)
    every = steps_per_pass(setup)
    assert list(packed) == list(range(every, setup.num_steps, every))
    trainer = trainer_of(kind, case, setup)
    for place in places:
        step = list(packed)[place]
        saved = checkpoints.unpack(packed[step])
        later, more = watched(kind, case, setup, seeds, trainer, saved=saved)
        assert later == {steps: seen for steps, seen in whole.items() if steps > step}
        assert more == {steps: state for steps, state in packed.items() if steps > step}


def decaying_model(s):
    """The toy's network under momentum and a rate that falls with the updates made."""
    import keras

    network = toy.model(s)
    rate = keras.optimizers.schedules.InverseTimeDecay(s.learning_rate, 1, 0.1)
    network.compile(keras.optimizers.SGD(rate, momentum=0.9, nesterov=True), s.loss)
    return network


DECAYING = toy.make(model=decaying_model)
STREAMING = toy.make_stream()
GOING_ON = {
    "engine, dropout": ("engine", toy.CASE, Recalled(optimizer="Nadam", dropout=0.4), (1,)),
    "engine, decay": ("engine", DECAYING, toy.Toy(epochs=4, activation="tanh"), (-1,)),
    "engine, stream": ("engine", STREAMING, toy.ToyStream(steps=330), (0, -1)),
    "reference, dropout": ("reference", toy.CASE, Recalled(optimizer="Adam", dropout=0.4), (2,)),
    "numpy, calls": ("numpy", toy.CASE, Recalled(), (0, 1, 2, 3, 4)),
    "numpy, stream": ("numpy", STREAMING, toy.ToyStream(steps=330), (0, 1, 2)),
}


@pytest.mark.parametrize("name", GOING_ON)
def test_a_run_that_goes_on_ends_as_an_undisturbed_one(name):
    check_goes_on(*GOING_ON[name])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["engine", "reference"])
@pytest.mark.parametrize("optimizer", support.ELEMENTWISE_OPTIMIZERS)
def test_a_run_goes_on_under_every_optimizer(kind, optimizer):
    check_goes_on(kind, toy.CASE, toy.Toy(optimizer=optimizer, activation="tanh", epochs=3))


REAL = [
    ("sin_fit", "fixed", dict(epochs=2)),
    ("sum_softmax", "broken", {}),
    ("sum_hinge", "fixed", dict(epochs=20)),
    ("ln_fit", "fixed", dict(steps=450)),
    ("ln_fit", "dropout", dict(steps=450)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arm", "changes"), REAL, ids=[f"{n}-{a}" for n, a, _ in REAL])
def test_an_arm_of_a_case_goes_on(name, arm, changes):
    case = reproductions.load(name)
    check_goes_on("engine", case, case.arm(arm).replace(**changes))


ELSEWHERE = """
import pathlib, sys
from experiments.training import checkpoints
from tests.training import test_checkpoints
kind, case, setup, _ = test_checkpoints.GOING_ON[sys.argv[1]]
saved = checkpoints.unpack(pathlib.Path(sys.argv[2]).read_bytes())
seen, packed = test_checkpoints.watched(kind, case, setup, saved[1]["seeds"], saved=saved)
pathlib.Path(sys.argv[3]).write_text(repr((seen, packed)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["engine, dropout", "reference, dropout"])
def test_a_run_goes_on_in_another_process(name, tmp_path):
    kind, case, setup, _ = GOING_ON[name]
    whole, packed = watched(kind, case, setup, [3])
    step = min(packed)
    (tmp_path / "state").write_bytes(packed[step])
    places = tmp_path / "state", tmp_path / "seen"
    root = pathlib.Path(toy.__file__).parent.parent
    subprocess.run([sys.executable, "-c", ELSEWHERE, name, *places], cwd=root, check=True)
    seen, more = ast.literal_eval(places[1].read_text())
    assert seen == {steps: shot for steps, shot in whole.items() if steps > step}
    assert more == {steps: state for steps, state in packed.items() if steps > step}


def test_keras_lists_every_variable_of_its_optimizers():
    import keras

    # Nadam's product of momenta is a variable by itself, no slot.
    optimizer = keras.optimizers.Nadam()
    optimizer.build([keras.Variable(np.zeros(3, np.float32))])
    assert any(variable is optimizer._u_product for variable in optimizer.variables)


# When a trainer offers its state.


def followed(kind, **options):
    """Returns what a trainer does, in order, and the states it was asked for."""
    lines, kept, trainer = [], {}, trainer_of(kind, toy.CASE, toy.Toy(epochs=3))

    def keep(steps, make):
        lines.append(f"keep {steps}")
        kept[steps] = make(), checkpoints.pack(*make())

    evaluation = metrics.Evaluation(toy.CASE, toy.Toy(epochs=3), [3])
    for shot in trainer.train([3], [0, 4, 6, 12], evaluation, keep=keep, **options):
        lines.append(f"look {shot.steps}")
    return lines, kept, trainer


once = functools.cache(followed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_offered_between_passes_after_all_looks_up_to_there(kind):
    lines, _, _ = once(kind)
    assert lines == ["look 0", "look 4", "keep 4", "look 6", "keep 8", "look 12"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_is_kept_does_not_change_any_more(kind):
    _, kept, _ = once(kind)
    for state, packed in kept.values():
        assert checkpoints.pack(*state) == packed


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_before_a_state_counts_as_progress(kind):
    made = []
    lines, _, _ = followed(kind, saved=once(kind)[1][8][0], progress=made.append)
    assert lines == ["look 12"]
    assert sum(made) == 12


# States of something else.


@pytest.fixture(scope="module")
def saved():
    """Returns an engine's trainer, and a state of it after the first of three passes."""
    _, kept, trainer = once("engine")
    return trainer, kept[4][0]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (dict(seeds=[4]), r"its seeds is another. Received: \[4\], expected \[3\]"),
        (dict(trainer="numpy"), "its trainer is another. Received: 'numpy'"),
        (dict(setup="{}"), "its setup is another"),
        ({"updates in all": 16}, "its updates in all is another. Received: 16, expected 12"),
        (dict(step=6), "between passes of 4 updates, before update 12. Received: 6"),
        (dict(step=12), "before update 12. Received: 12"),
        (dict(step=0), "Received: 0"),
        (dict(step=True), "Received: True"),
        (dict(batches=[]), "holds no such draws"),
        (dict(batches=[{}]), "holds no such draws. Received: 'epoch'"),
        (dict(masks=[[{}]]), "holds no such draws"),
    ],
)
def test_facts_of_another_run_are_refused_in_text(saved, changes, text):
    trainer, (arrays, facts) = saved
    evaluation = metrics.Evaluation(toy.CASE, toy.Toy(), [3])
    with pytest.raises(CheckpointError, match=text):
        next(trainer.train([3], [12], evaluation, saved=(arrays, facts | changes)))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("weights 0", np.zeros((3, 1, 7), np.float32), r"weights 0 of shape \(3, 1, 7\)"),
        ("weights 0", np.zeros((3, 1, 6)), "weights 0 .* in float64, expected .* in float32"),
        ("optimizer 0", np.zeros(0, bool), r"optimizer 0 of shape \(0,\) in bool"),
    ],
)
def test_arrays_of_another_program_are_refused_in_text(saved, name, value, text):
    trainer, (arrays, facts) = saved
    evaluation = metrics.Evaluation(toy.CASE, toy.Toy(), [3])
    with pytest.raises(CheckpointError, match=f"does not fit what is trained. Received: {text}"):
        next(trainer.train([3], [12], evaluation, saved=(arrays | {name: value}, facts)))


def test_a_state_without_some_array_is_refused(saved):
    trainer, (arrays, facts) = saved
    evaluation = metrics.Evaluation(toy.CASE, toy.Toy(), [3])
    less = {name: array for name, array in arrays.items() if name != "weights 3"}
    with pytest.raises(CheckpointError, match="does not fit what is trained. Received: weights 3"):
        next(trainer.train([3], [12], evaluation, saved=(less, facts)))
