"""A GPU where there is one: faked here, so that its rules can be tested without."""

import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest

import reproductions
from experiments.runs import keys
from experiments.runs.store import Store
from experiments.stats import text
from experiments.training import devices, engine, metrics, networks, stack_size
from experiments.training.streams import Batches
from tests import toy

CASES = reproductions.names()
ROOT = pathlib.Path(__file__).parents[2]
GPU = "NVIDIA H200"
FREE = 8 * 2**30


class FakeTensorFlow:
    """As much of TensorFlow as is asked about devices; writes down what it is told."""

    def __init__(self, num_gpus=1, running=False):
        self.told, self._running = [], running
        self.config = types.SimpleNamespace(
            get_visible_devices=lambda kind: [f"{kind}:{n}" for n in range(num_gpus)],
            experimental=types.SimpleNamespace(
                get_device_details=lambda gpu: {"device_name": GPU},
                set_memory_growth=self._set_memory_growth,
                enable_tensor_float_32_execution=lambda on: self.told.append(("tf32", on)),
                enable_op_determinism=lambda: self.told.append(("deterministic", True)),
            ),
        )

    def _set_memory_growth(self, gpu, on):
        if self._running:
            raise RuntimeError("Physical devices cannot be modified after being initialized")
        self.told.append((gpu, on))

    def device(self, name):
        import tensorflow as tf

        self.told.append(("device", name))
        return tf.device(name)


@pytest.fixture
def gpu(monkeypatch):
    """Returns a faked TensorFlow with one GPU, whose driver says what is free."""
    fake = FakeTensorFlow()
    monkeypatch.setattr(devices, "_tensorflow", lambda: fake)
    answer(monkeypatch, f"{FREE // 2**20}\n")
    return fake


def answer(monkeypatch, told, asked=None):
    """Lets the driver's tool answer, or raise, and writes down what it was asked."""

    def run(command, **_):
        (asked if asked is not None else []).append(command)
        if isinstance(told, Exception):
            raise told
        return types.SimpleNamespace(stdout=told)

    devices._reported_by_driver.cache_clear()
    monkeypatch.setattr(devices.subprocess, "run", run)


@pytest.fixture(autouse=True)
def forget():
    yield
    devices._reported_by_driver.cache_clear()


def shown_by(code, *arguments):
    """Returns what a fresh process prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


# Without one.

no_gpu = pytest.mark.skipif(devices.may_be_found(), reason="this machine may have a GPU")


@no_gpu
def test_without_a_gpu_nothing_is_said_and_nothing_is_free():
    networks.load_keras()
    assert devices.gpus() == []
    assert devices.name() == devices.description(640, 16) == ""
    assert devices.free_memory() == 0


def test_tensorflow_is_not_loaded_to_ask_for_a_gpu():
    code = "import sys; from experiments.runs import keys; "
    code += "from experiments.training import devices; devices.prepare(); "
    code += "keys.environment(); devices.name(); print('tensorflow' in sys.modules)"
    assert shown_by(code) == "False"


@no_gpu
@pytest.mark.parametrize("name", CASES)
def test_on_a_cpu_an_environment_holds_what_it_always_did(name):
    networks.load_keras()
    (stored,) = Store(ROOT / "results" / name, reproductions.load(name)).environments[:1]
    assert list(keys.environment()) == list(stored)
    assert "device" not in stored


# What is set.


@pytest.mark.parametrize("asked", [None, "false"])
def test_the_environment_is_set_where_a_gpu_may_be_and_the_user_has_not(monkeypatch, asked):
    monkeypatch.setattr(devices, "may_be_found", lambda: True)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    # First set, so that it is put back in the end.
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", asked or "")
    if asked is None:
        monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH")
    monkeypatch.setattr(devices.os, "environ", dict(devices.os.environ))
    devices.settle_environment()
    assert devices.os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == (asked or "true")
    assert devices.os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_where_no_gpu_may_be_the_environment_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(devices, "may_be_found", lambda: False)
    monkeypatch.setattr(devices.os, "environ", dict(devices.os.environ))
    before = dict(devices.os.environ)
    devices.settle_environment()
    assert devices.os.environ == before


@pytest.mark.parametrize(("node", "tool"), [("node", None), (None, "tool"), (None, None)])
def test_a_gpu_may_be_where_the_driver_is(monkeypatch, tmp_path, node, tool):
    (tmp_path / "node").touch()
    monkeypatch.setattr(devices, "NODES", (str(tmp_path / (node or "missing")),))
    monkeypatch.setattr(devices.shutil, "which", lambda name: tool)
    assert devices.may_be_found() == bool(node or tool)


def test_a_gpu_takes_memory_as_it_needs_it_and_computes_in_float32(gpu):
    devices.prepare()
    assert gpu.told == [("GPU:0", True), ("tf32", False), ("deterministic", True)]


def test_every_gpu_takes_memory_as_it_needs_it(monkeypatch):
    fake = FakeTensorFlow(num_gpus=3)
    monkeypatch.setattr(devices, "_tensorflow", lambda: fake)
    answer(monkeypatch, "1")
    devices.prepare()
    assert fake.told[:3] == [("GPU:0", True), ("GPU:1", True), ("GPU:2", True)]


def test_tensorflow_that_runs_already_still_computes_in_float32(monkeypatch):
    fake = FakeTensorFlow(running=True)
    monkeypatch.setattr(devices, "_tensorflow", lambda: fake)
    answer(monkeypatch, "1")
    devices.prepare()
    assert fake.told == [("tf32", False), ("deterministic", True)]


def test_without_a_gpu_nothing_is_set(monkeypatch):
    fake = FakeTensorFlow(num_gpus=0)
    monkeypatch.setattr(devices, "_tensorflow", lambda: fake)
    devices.prepare()
    assert fake.told == []


def test_initial_weights_are_drawn_on_the_cpu_and_are_the_same(gpu, monkeypatch):
    model = networks.build(toy.CASE, toy.Toy())
    there = networks.initial_weights(model, 3)
    assert ("device", "CPU:0") in gpu.told
    monkeypatch.undo()
    for one, other in zip(there, networks.initial_weights(model, 3), strict=True):
        np.testing.assert_array_equal(one, other)


# What is free.


def test_what_is_free_is_asked_of_the_driver_once(gpu, monkeypatch):
    asked = []
    answer(monkeypatch, "143771\n", asked)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert devices.free_memory() == devices.free_memory() == 143771 * 2**20
    assert len(asked) == 1
    assert asked[0][-1] == "--id=0"


@pytest.mark.parametrize(
    ("visible", "place"), [("2,0", "2"), (" GPU-ab12 ", "GPU-ab12"), ("", "0")]
)
def test_the_gpu_that_is_asked_about_is_the_first_that_is_visible(gpu, monkeypatch, visible, place):
    asked = []
    answer(monkeypatch, "7", asked)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    devices.free_memory()
    assert asked[0][-1] == f"--id={place}"


@pytest.mark.parametrize(
    "told",
    [
        "",
        "[N/A]\n",
        "[Insufficient Permissions]",
        FileNotFoundError(),
        subprocess.TimeoutExpired("x", 1),
        subprocess.CalledProcessError(6, "x"),
    ],
)
def test_a_driver_that_does_not_say_leaves_one_block(gpu, monkeypatch, told):
    answer(monkeypatch, told)
    assert devices.free_memory() == 0
    case = reproductions.load("ln_fit")
    model = networks.build(case, case.fixed)
    assert stack_size.launch(case, case.fixed, model, 1000, 2) == (case.block_width, 1)


# What is said.


@pytest.mark.parametrize(
    ("width", "block", "text"),
    [
        (640, 16, "40 blocks of 16 seeds at a time"),
        (16, 16, "1 block of 16 seeds at a time"),
        (4096, 2, "2,048 blocks of 2 seeds at a time"),
        (1024, None, "1,024 seeds at a time"),
    ],
)
def test_the_gpu_is_named_with_its_blocks(gpu, width, block, text):
    assert devices.description(width, block) == f"trained on NVIDIA H200, {text}"


def test_rows_that_a_gpu_made_say_so(gpu, monkeypatch):
    made = keys.environment()
    assert made["device"] == GPU
    assert text.environment(made).endswith(f", {GPU}")
    monkeypatch.undo()
    plain = {name: value for name, value in made.items() if name != "device"}
    assert text.environment(made) == f"{text.environment(plain)}, {GPU}"


def test_a_gpu_changes_no_key(gpu, monkeypatch):
    there = [keys.row_key(case, case.fixed) for case in map(reproductions.load, CASES)]
    monkeypatch.undo()
    assert there == [keys.row_key(case, case.fixed) for case in map(reproductions.load, CASES)]


# How many at once.


@pytest.mark.parametrize(
    ("block_width", "num_seeds", "num_cores", "expected"),
    [
        # Four rounds of two blocks below the widest, 128, are 125 seeds each.
        (None, 1000, 2, (125, 2)),
        (None, 3, 2, (2, 2)),
        (None, 1, 2, (2, 1)),
        (16, 1000, 2, (16, 2)),
        (16, 10, 8, (16, 1)),
        (16, 40, 8, (16, 3)),
    ],
)
def test_on_a_cpu_blocks_are_as_wide_as_ever(block_width, num_seeds, num_cores, expected):
    case = toy.make(block_width=block_width)
    model = networks.build(case, toy.Toy())
    assert stack_size.launch(case, toy.Toy(), model, num_seeds, num_cores) == expected


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("num_seeds", [1, 100, 1000])
def test_a_gpu_trains_whole_blocks_one_launch_at_a_time(gpu, name, num_seeds):
    case = reproductions.load(name)
    model = networks.build(case, case.fixed)
    width, workers = stack_size.launch(case, case.fixed, model, num_seeds, 2)
    block = case.block_width or min(stack_size.widest_block(model, case.fixed), max(num_seeds, 2))
    assert workers == 1
    assert width % block == 0
    assert width - block < num_seeds
    assert width == block or width * stack_size.replica_bytes(model, case.fixed) <= FREE / 2


def test_more_memory_trains_more_blocks_up_to_all_seeds(gpu, monkeypatch):
    case = reproductions.load("ln_fit")
    model, found = networks.build(case, case.fixed), []
    for gigabytes in (1, 2, 200):
        answer(monkeypatch, str(gigabytes * 1024))
        found.append(stack_size.launch(case, case.fixed, model, 1000, 2)[0])
    assert found == sorted(set(found))
    assert found[-1] == 1000
    assert found[1] == pytest.approx(2 * found[0], abs=2 * case.block_width)


REAL = [(name, "fixed") for name in CASES] + [("ln_fit", "dropout")]


@pytest.mark.parametrize(("name", "arm"), REAL)
def test_the_estimate_holds_what_the_arrays_take(name, arm):
    case, num = reproductions.load(name), 2
    setup = case.arm(arm)
    program = engine.Program(networks.build(case, setup), num)
    streams = [Batches(case, setup, seed) for seed in range(num)]
    masks = [networks.dropout_masks(program.model, seed) for seed in range(num)]
    chunk = engine.Chunk(streams, masks, setup.batch_size, num)
    passed = chunk.x.nbytes + chunk.y.nbytes + sum(mask.nbytes for mask in chunk.masks)
    assert passed == num * stack_size.pass_bytes(program.model, setup)
    state = sum(array.nbytes for array in program.state().values())
    gradients = sum(array.nbytes for array in program.weights)
    questions = np.zeros((num, metrics.NUM_PROBED, program.model.input_shape[-1]), np.float32)
    hidden, outputs = program.outputs(questions)
    seen = outputs.nbytes + sum(values.nbytes for values in hidden)
    held = passed + state + gradients + seen
    estimate = num * stack_size.replica_bytes(program.model, setup)
    # What is carried twice, and forward and backward: no more than a few times the arrays.
    assert held <= estimate <= 6 * held


@pytest.mark.slow
def test_a_launch_of_many_blocks_trains_the_same_program():
    case = reproductions.load("ln_fit")
    setup = case.fixed.replace(steps=30)
    seeds, found = list(range(4)), []
    for width in (case.block_width, 5 * case.block_width):
        evaluation = metrics.Evaluation(case, setup, seeds)
        found.append(toy.outputs_after(engine.Trainer(case, setup, width), seeds, evaluation, 30))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4)


# TensorFlow takes what a GPU asks of it, and a CPU's bits stay the same.

SET = """
import hashlib, sys
from experiments.training import engine, metrics, networks, reference
from tests import toy
networks.load_keras()
if sys.argv[1] == "set":
    import tensorflow as tf
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.experimental.enable_op_determinism()
setup, found = toy.Toy(dropout=0.4, optimizer="Nadam"), []
for trainer in (engine.Trainer(toy.CASE, setup, 2), reference.Trainer(toy.CASE, setup)):
    evaluation = metrics.Evaluation(toy.CASE, setup, [3])
    found.append(toy.outputs_after(trainer, [3], evaluation, setup.num_steps).tobytes())
print(*(hashlib.sha256(part).hexdigest() for part in found))
"""


@pytest.mark.slow
def test_what_is_set_for_a_gpu_leaves_a_cpus_bits_alone():
    found = [shown_by(SET, how) for how in ("set", "as ever")]
    assert len(found[0].split()) == 2
    assert found[0] == found[1]
