"""A built model as lines: evaluated again they give the same objects, and defaults are silent."""

import numpy as np
import pytest

from experiments import SuiteError
from experiments.publish.export import model_code, script_check
from experiments.publish.export.source import Source

OBJECTS = (
    "keras.layers.Dense(3)",
    "keras.layers.Dense(3, activation='tanh', use_bias=False)",
    "keras.layers.Dense(3, kernel_initializer='he_normal', kernel_regularizer='l2')",
    "keras.layers.Dense(3, kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.1))",
    "keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L1(l1=0.5))",
    "keras.layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(max_value=1.5))",
    "keras.layers.Dense(3, trainable=False)",
    "keras.layers.Dense(3, activation=keras.layers.LeakyReLU(negative_slope=0.2))",
    "keras.layers.ReLU(max_value=6.0)",
    "keras.layers.Activation('gelu')",
    "keras.layers.Dropout(0.25)",
    "keras.layers.BatchNormalization(momentum=0.5)",
    "keras.layers.Conv1D(filters=2, kernel_size=(3,), padding='same')",
    "keras.optimizers.SGD(learning_rate=0.5, momentum=0.9, nesterov=True)",
    "keras.optimizers.Adam(learning_rate=1e-05, clipnorm=1.0)",
    "keras.optimizers.AdamW(learning_rate=0.001, weight_decay=0.1)",
    "keras.optimizers.schedules.CosineDecay(initial_learning_rate=0.1, decay_steps=100)",
    "keras.losses.MeanSquaredError()",
    "keras.losses.BinaryCrossentropy(from_logits=True)",
)


@pytest.fixture(scope="module")
def keras():
    from experiments.training import networks

    return networks.load_keras()


def bare(value):
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k not in ("name", "seed")}
    return value


@pytest.mark.parametrize("text", OBJECTS)
def test_a_keras_object_is_written_as_one_would_type_it(text, keras):
    thing = eval(text, {"keras": keras})
    written = model_code.construction(thing, Source("case"))
    assert written == text
    again = eval(written, {"keras": keras})
    assert bare(again.get_config()) == bare(thing.get_config())


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("keras.layers.Dense(3, 'linear', True)", "keras.layers.Dense(3)"),
        ("keras.layers.ReLU(name='mine')", "keras.layers.ReLU()"),
        (
            "keras.layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed=5))",
            "keras.layers.Dense(3, kernel_initializer='he_normal')",
        ),
        ("keras.optimizers.SGD()", "keras.optimizers.SGD(learning_rate=0.01)"),
        (
            "keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.3, 1, 0.0))",
            "keras.optimizers.SGD(learning_rate=0.3)",
        ),
    ],
)
def test_defaults_names_and_seeds_are_silent_and_a_still_schedule_is_its_rate(
    given, written, keras
):
    thing = eval(given, {"keras": keras})
    assert model_code.construction(thing, Source("case")) == written


def network(keras, *layers, **compiled):
    model = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1)])
    model.compile(**({"optimizer": "sgd", "loss": "mse"} | compiled))
    return model


def lines(model):
    return model_code.model_lines(model, Source("case"))


def test_the_lines_build_and_compile_the_model(keras):
    wanted = network(keras, keras.layers.Dense(4, "relu"), loss="mae", metrics=["accuracy"])
    made = {"keras": keras}
    exec(lines(wanted), made)
    assert script_check.described(made["model"]) == script_check.described(wanted)
    assert made["model"].loss == "mae"
    assert "metrics=['accuracy']" in lines(wanted)


def test_a_dropout_that_drops_none_is_left_out(keras):
    assert "Dropout" not in lines(network(keras, keras.layers.Dropout(0.0)))
    assert "Dropout(0.5)" in lines(network(keras, keras.layers.Dropout(0.5)))


def cubed(y_true, y_pred):
    from keras import ops

    return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)


def halved(x):
    return x / 2


def test_losses_and_activations_that_are_functions_are_written_beside_it(keras):
    source = Source("case")
    model = network(keras, keras.layers.Dense(2, halved), loss=cubed)
    text = model_code.model_lines(model, source)
    assert "activation=halved" in text
    assert "loss=cubed" in text
    assert source.imports == {"from keras import ops"}
    made = {"keras": keras, "ops": keras.ops}
    exec("\n".join([*source.functions, text]), made)
    x = np.ones((3, 2), np.float32)
    assert np.asarray(made["model"].loss(x, 3 * x)).tolist() == [8.0] * 3


@pytest.mark.parametrize("field", ["units", "rate", "learning_rate"])
def test_networks_that_differ_are_described_as_different(field, keras):
    def made(units=2, rate=0.5, learning_rate=0.1):
        parts = [keras.layers.Dense(units), keras.layers.Dropout(rate)]
        return network(keras, *parts, optimizer=keras.optimizers.SGD(learning_rate))

    changed = {"units": 3, "rate": 0.6, "learning_rate": 0.2}[field]
    assert script_check.described(made()) == script_check.described(made())
    assert script_check.described(made(**{field: changed})) != script_check.described(made())


def test_a_loss_that_is_no_function_name_or_object_is_refused(keras):
    model = network(keras, loss=["mse"])
    with pytest.raises(SuiteError, match=r"Received: the loss .*\['mse'\]"):
        lines(model)
