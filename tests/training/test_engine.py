"""The engine: every seed as if it were alone, and a refusal for what it cannot do."""

import numpy as np
import pytest

import reproductions
from experiments.cases.errors import SuiteError
from experiments.training import batches, engine, metrics, networks, reference, streams
from tests import toy

CASES = reproductions.names()


def trained(case, setup, seeds, steps, width=None):
    trainer = engine.Trainer(case, setup, width or case.block_width or len(seeds))
    evaluation = metrics.Evaluation(case, setup, seeds)
    for _ in trainer.train(seeds, [steps], evaluation):
        pass
    return trainer.program.weights


@pytest.mark.parametrize("name", CASES)
def test_a_seed_trained_twice_gives_the_same_bits(name):
    case = reproductions.load(name)
    steps = min(60, case.fixed.num_steps)
    first = trained(case, case.fixed, [3, 4], steps)
    second = trained(case, case.fixed, [3, 4], steps)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", CASES)
def test_a_seed_does_not_depend_on_its_companions(name):
    case = reproductions.load(name)
    steps = min(60, case.fixed.num_steps)
    alone = trained(case, case.fixed, [11], steps)
    among = trained(case, case.fixed, [2, 5, 11, 8], steps)
    for one, other in zip(alone, among, strict=True):
        np.testing.assert_array_equal(one[0], other[2])


@pytest.mark.parametrize("name", [n for n in CASES if reproductions.load(n).block_width is None])
def test_where_the_width_is_free_no_bit_of_a_gradient_depends_on_it(name):
    case = reproductions.load(name)
    found = []
    for width in (2, 16, 40):
        seeds = [1, 2, *range(100, 100 + width - 2)]
        program = engine.Trainer(case, case.fixed, width).program
        weights = [networks.initial_weights(program.model, seed) for seed in seeds]
        program.reset([np.stack(values) for values in zip(*weights, strict=True)])
        samples = [streams.Batches(case, case.fixed, seed) for seed in seeds]
        chunk = engine.Chunk(samples, [[] for _ in seeds], case.fixed.batch_size)
        # Their norm hides nearly every bit of a thousand samples' gradient.
        parts = (np.concatenate(v[:100], axis=1) for v in (chunk.x, chunk.y, chunk.share))
        found.append(program._gradients(*parts).numpy()[:2])
    assert len({gradient.tobytes() for gradient in found}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CASES if reproductions.load(n).block_width is None])
@pytest.mark.parametrize("arm", ["broken", "fixed"])
def test_where_the_width_is_free_no_bit_depends_on_it(name, arm):
    case = reproductions.load(name)
    setup = case.arm(arm)
    steps = min(500, setup.num_steps)
    expected = trained(case, setup, [1, 2], steps, 2)
    for width in (3, 16, 63, 125, 128):
        seeds = [1, 2, *range(100, 100 + width - 2)]
        for one, other in zip(expected, trained(case, setup, seeds, steps, width), strict=True):
            np.testing.assert_array_equal(one[:2], other[:2])


@pytest.mark.parametrize("name", CASES)
def test_a_replica_of_nan_leaves_all_others_untouched(name):
    case = reproductions.load(name)
    setup = case.fixed
    width = max(case.block_width or 4, 4)
    seeds = list(range(width))
    program = engine.Program(networks.build(case, setup), width)
    weights = [networks.initial_weights(program.model, seed) for seed in seeds]
    stacked = [np.stack(values) for values in zip(*weights, strict=True)]
    streams = [engine.Batches(case, setup, seed) for seed in seeds]
    chunk = engine.Chunk(streams, [[] for _ in seeds], setup.batch_size)
    stop = min(20, len(chunk))
    program.reset(stacked)
    program.train(chunk, 0, stop)
    healthy = program.weights
    chunk.y[:, 1] = np.nan
    program.reset(stacked)
    logs = program.train(chunk, 0, stop)
    assert np.isnan(logs[:, 1, 0]).all()
    others = [seed for seed in seeds if seed != 1]
    assert np.isfinite(logs[:, others, 0]).all()
    for one, other in zip(healthy, program.weights, strict=True):
        np.testing.assert_array_equal(one[others], other[others])
        assert np.isnan(other[1]).any()


OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "Ftrl", "Lion", "Nadam")
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]
USED = ["hard_sigmoid", "linear", "relu", "sigmoid", "softmax", "softplus", "softsign", "tanh"]
LOSSES = [
    "mse",
    "mae",
    "mape",
    "msle",
    "log_cosh",
    "huber",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "poisson",
    "kl_divergence",
    "cosine_similarity",
    "binary_crossentropy",
    "binary_focal_crossentropy",
]


def assert_trainers_agree(case, setup, steps=8):
    evaluation = metrics.Evaluation(case, setup, [5])
    ours = toy.outputs_after(engine.Trainer(case, setup, 2), [5], evaluation, steps)
    theirs = toy.outputs_after(reference.Trainer(case, setup), [5], evaluation, steps)
    scale = max(np.abs(theirs).max(), 1e-6)
    assert np.isfinite(theirs).all()
    assert np.abs(ours - theirs).max() <= 1e-3 * scale


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "RMSprop", "SGD"])
def test_every_elementwise_optimizer_agrees_with_fit(optimizer):
    case = toy.make()
    assert_trainers_agree(case, toy.Toy(optimizer=optimizer, learning_rate=0.01, activation="tanh"))


@pytest.mark.parametrize(
    "activation",
    # The cases' own at once, all others among the slow tests.
    [pytest.param(a, marks=[pytest.mark.slow] * (a not in USED)) for a in ACTIVATIONS],
)
def test_every_activation_agrees_with_fit(activation):
    import keras

    try:
        keras.activations.get(activation)
    except ValueError:
        pytest.skip("this Keras does not have it yet")
    assert_trainers_agree(toy.make(), toy.Toy(activation=activation, learning_rate=0.01), 5)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_for_a_dense_output_agrees_with_fit(loss):
    # From 0.01 on, every target is positive, as MAPE, MSLE, KL and Poisson want it.
    setup = toy.Toy(loss=loss, activation="tanh", learning_rate=0.001)
    assert_trainers_agree(toy.make(), setup, 5)


def test_dropout_agrees_with_fit_on_the_same_masks():
    assert_trainers_agree(toy.make(), toy.Toy(dropout=0.3, activation="tanh"))


def test_dropout_masks_differ_between_seeds():
    case, setup = toy.make(), toy.Toy(dropout=0.5)
    model = networks.build(case, setup)
    masks = [networks.dropout_masks(model, seed) for seed in (0, 1)]
    chunk = engine.Chunk([engine.Batches(case, setup, s) for s in (0, 1)], masks, 16)
    assert (chunk.masks[0][:, 0] != chunk.masks[0][:, 1]).mean() > 0.3


def test_a_short_last_batch_counts_its_own_samples_only():
    case, setup = toy.make(), toy.Toy(batch_size=16, num_samples=50)
    chunk = engine.Chunk([engine.Batches(case, setup, 0)] * 2, [[], []], 16)
    assert chunk.share.shape == (4, 1, 16)
    np.testing.assert_allclose(chunk.share[3, 0, :2], 0.5)
    assert not chunk.share[3, 0, 2:].any()


def test_regularization_agrees_with_fit():
    import keras

    def model(s):
        network = toy.model(s)
        network.layers[0].kernel_regularizer = keras.regularizers.L1L2(0.01, 0.1)
        network.layers[0].kernel.regularizer = network.layers[0].kernel_regularizer
        return network

    assert_trainers_agree(toy.make(model=model), toy.Toy(activation="tanh"))


def refused(**changes):
    """Cases the engine must refuse, by what their model compiles or adds."""
    import keras

    layers, optimizers, losses = keras.layers, keras.optimizers, keras.losses

    class OwnDense(layers.Dense):
        pass

    def compiled(extra=(), optimizer=None, loss="mse", dense=layers.Dense, **options):
        def model(s):
            parts = [keras.Input((1,)), dense(4, "tanh", **options), *extra, layers.Dense(1)]
            network = keras.Sequential(parts)
            network.compile(optimizer or optimizers.SGD(0.1), loss)
            return network

        return model

    return {
        "BatchNormalization": compiled([layers.BatchNormalization()]),
        "LayerNormalization": compiled([layers.LayerNormalization()]),
        "GaussianNoise": compiled([layers.GaussianNoise(0.1)]),
        "OwnDense": compiled(dense=OwnDense),
        "kernel_constraint": compiled(kernel_constraint="max_norm"),
        "OrthogonalRegularizer": compiled(
            kernel_regularizer=keras.regularizers.OrthogonalRegularizer()
        ),
        "float16": compiled(dtype="float16"),
        "clipnorm": compiled(optimizer=optimizers.SGD(0.1, clipnorm=1.0)),
        "global_clipnorm": compiled(optimizer=optimizers.Adam(global_clipnorm=1.0)),
        "gradient_accumulation_steps": compiled(
            optimizer=optimizers.Adam(gradient_accumulation_steps=2)
        ),
        "use_ema": compiled(optimizer=optimizers.Adam(use_ema=True)),
        "Adafactor": compiled(optimizer=optimizers.Adafactor(0.1)),
        "Muon": compiled(optimizer=optimizers.Muon(0.1)),
        "LossScaleOptimizer": compiled(optimizer=optimizers.LossScaleOptimizer(optimizers.SGD())),
        "dice": compiled(loss=losses.Dice()),
        "tversky": compiled(loss=losses.Tversky()),
        "reduction='sum'": compiled(loss=losses.MeanSquaredError(reduction="sum")),
    }


@pytest.mark.parametrize("name", refused())
def test_refuses_by_name_before_training(name):
    case = toy.make(model=refused()[name])
    with pytest.raises(SuiteError, match=name.replace("(", r"\(")) as caught:
        engine.Trainer(case, case.broken, 2)
    assert "--trainer reference" in str(caught.value)


def test_refuses_a_loss_of_ones_own_that_mixes_samples():
    from keras import ops

    def centred(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred + ops.mean(y_pred)), axis=-1)

    case = toy.make(model=refused_model(centred))
    with pytest.raises(SuiteError, match="mixes samples"):
        engine.Trainer(case, case.broken, 2)


def refused_model(loss):
    def model(s):
        network = toy.model(s)
        network.compile("sgd", loss)
        return network

    return model


def test_refuses_a_model_that_is_not_sequential():
    import keras

    def model(s):
        x = keras.Input((1,))
        return keras.Model(x, keras.layers.Dense(1)(x))

    with pytest.raises(SuiteError, match="keras.Sequential"):
        engine.Trainer(toy.make(model=model), toy.Toy(), 2)


def test_an_unused_width_is_filled_and_never_reported():
    case = toy.make()
    evaluation = metrics.Evaluation(case, case.fixed, [1, 2, 3])
    *_, last = engine.Trainer(case, case.fixed, 8).train([1, 2, 3], [0, 4], evaluation)
    assert last.outputs.shape[0] == 3
    assert last.logs.shape == (3, 3)


@pytest.mark.parametrize("num_samples", [50, 64, batches.SHORT_PASS + 3])
def test_a_chunk_serves_each_seeds_own_passes(num_samples):
    case, setup = toy.make(), toy.Toy(num_samples=num_samples, batch_size=16, epochs=2)
    seeds = (4, 9)
    chunks = [engine.Batches(case, setup, seed) for seed in seeds]
    alone = [engine.Batches(case, setup, seed) for seed in seeds]
    for _ in range(3):
        chunk = engine.Chunk(chunks, [[], []], 16, 4)
        for place, stream in enumerate(alone):
            x, y = stream.next_pass()
            for found, expected in ((chunk.x, x), (chunk.y, y)):
                served = found[:, place].reshape(-1, 1)
                np.testing.assert_array_equal(served[:num_samples], expected)
        np.testing.assert_array_equal(chunk.x[:, 2], chunk.x[:, 1])
        assert chunk.x.shape[1] == 4


# The gradient that is logged.


@pytest.mark.parametrize("loss", ["mse", "mae"])
def test_the_gradient_is_that_of_the_loss_by_finite_differences(loss):
    case = toy.CASE
    setup = case.broken.replace(loss=loss, activation="tanh")
    trainer = engine.Trainer(case, setup, 2)
    program = trainer.program
    streams = [engine.Batches(case, setup, seed) for seed in (0, 1)]
    chunk = engine.Chunk(streams, [[], []], setup.batch_size, 2)
    weights = [networks.initial_weights(program.model, seed) for seed in (0, 1)]
    stacked = [np.stack(values) for values in zip(*weights, strict=True)]

    def mean_loss(values):
        program.reset(values)
        _, outputs = program.outputs(np.concatenate(list(chunk.x), axis=1))
        y = np.concatenate(list(chunk.y), axis=1).astype(np.float64)
        errors = outputs.astype(np.float64) - y
        each = (errors**2 if loss == "mse" else np.abs(errors)).mean(axis=-1)
        return (each * np.concatenate(list(chunk.share), axis=1)).sum(axis=1) / len(chunk)

    squares = np.zeros(2)
    for place, value in enumerate(stacked):
        for entry in np.ndindex(value.shape[1:]):
            slopes = []
            for sign in (1, -1):
                moved = [v.astype(np.float64) for v in stacked]
                moved[place][(slice(None), *entry)] += sign * 1e-2
                slopes.append(mean_loss([v.astype(np.float32) for v in moved]))
            squares += ((slopes[0] - slopes[1]) / 2e-2) ** 2
    program.reset(stacked)
    np.testing.assert_allclose(program.gradient_norms(chunk), np.sqrt(squares), rtol=2e-2)


def test_looking_at_the_gradient_changes_no_weight():
    case = toy.CASE
    often = engine.Trainer(case, case.broken, 2)
    evaluation = metrics.Evaluation(case, case.broken, [0, 1])
    list(often.train([0, 1], [0, 1, 2, 3, 4, 8], evaluation))
    for one, other in zip(
        often.program.weights, trained(case, case.broken, [0, 1], 8, 2), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_penalty_is_that_of_the_reference():
    case = reproductions.load("ln_fit")
    setup = case.arm("tanh_l2").replace(steps=20)
    evaluation = metrics.Evaluation(case, setup, [0, 1])
    *_, fast = engine.Trainer(case, setup, 8).train([0, 1], [20], evaluation)
    *_, slow = reference.Trainer(case, setup).train([0], [20], metrics.Evaluation(case, setup, [0]))
    np.testing.assert_allclose(fast.outputs[0], slow.outputs[0], rtol=1e-3)
    np.testing.assert_allclose(fast.logs[0, 0], slow.logs[0, 0], rtol=1e-3)
