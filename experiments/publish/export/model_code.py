"""A built Keras model as the lines that build it: what is not Keras's default, and no more.

Asks Keras's own configurations; the caller has imported Keras.
"""

import inspect
import re
import sys

import numpy as np

from experiments.cases.case import SuiteError

# Arguments of every layer, which signatures hide in **kwargs.
OF_LAYERS = ("trainable", "dtype")
FAMILIES = ("initializers", "regularizers", "constraints")
COMPILED = ("loss_weights", "metrics")


def model_lines(model, source):
    """Returns the statements that build and compile a model, as one text.

    Args:
        model: A built, compiled `keras.Sequential`.
        source: A `Source`, where losses and activations that are functions are written.

    Raises:
        SuiteError: A part of it is none of Keras's own.
    """
    import keras

    if type(model) is not keras.Sequential:
        _refuse(f"{type(model).__name__}, a model that trains in its own way")
    shape = tuple(model.input_shape[1:])
    parts = [f"keras.Input({shape!r})"]
    parts += [construction(layer, source) for layer in model.layers if not is_idle(layer)]
    arguments = [construction(model.optimizer, source), f"loss={_loss(model, source)}"]
    compiled = model.get_compile_config() or {}
    # Metrics change no training, so that those of one's own may be left out.
    found = {"loss_weights": compiled.get("loss_weights"), "metrics": _metric_names(compiled)}
    arguments += [f"{name}={found[name]!r}" for name in COMPILED if found[name]]
    built = f"model = keras.Sequential([{', '.join(parts)}])"
    return f"{built}\nmodel.compile({', '.join(arguments)})"


def construction(thing, source):
    """Returns the call that makes a Keras object, with the arguments that are not its defaults.

    Args:
        thing: A layer, optimizer, schedule, loss, initializer, regularizer or constraint.
        source: A `Source`, for functions among its arguments.

    Raises:
        SuiteError: It is none of Keras's own.
    """
    import keras

    kind, config = type(thing), dict(thing.get_config())
    module = keras.saving.serialize_keras_object(thing)["module"]
    if module.partition(".")[0] != "keras":
        _refuse(f"{kind.__name__}, which is none of Keras's own")
    if isinstance(thing, keras.optimizers.Optimizer):
        config["learning_rate"] = _rate(thing)
    required, names = _arguments(thing)
    default = bare(kind(**{name: _live(config[name]) for name in required}).get_config())
    always = (*required, "learning_rate")
    known = [name for name in names if name in config]
    kept = [name for name in known if name in always or bare(config[name]) != default[name]]
    texts = {name: _value(config[name], source, getattr(thing, name, None)) for name in kept}
    first = required if len(required) == 1 and isinstance(thing, keras.layers.Layer) else []
    arguments = [texts[name] if name in first else f"{name}={texts[name]}" for name in kept]
    return f"{module}.{kind.__name__}({', '.join(arguments)})"


def bare(config):
    """Returns a Keras configuration without names and seeds: each run draws its own."""
    if isinstance(config, dict):
        return {k: bare(v) for k, v in config.items() if k not in ("name", "seed")}
    return [bare(item) for item in config] if isinstance(config, (list, tuple)) else config


def _arguments(thing):
    """The arguments that a Keras object needs, and all that it may be given."""
    import keras

    signature = inspect.signature(type(thing).__init__).parameters.values()
    usual = [p for p in signature if p.name not in ("self", "name", "seed")]
    usual = [p for p in usual if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in usual if p.default is p.empty]
    more = OF_LAYERS if isinstance(thing, keras.layers.Layer) else ()
    return required, [*(p.name for p in usual), *more]


def is_idle(layer):
    """Whether a layer changes nothing: a dropout that drops none."""
    import keras

    return isinstance(layer, keras.layers.Dropout) and layer.rate == 0


def _rate(optimizer):
    """An optimizer's learning rate: a number, or the configuration of a true schedule."""
    rate = optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict):
        schedule = _live(rate)
        found = {float(schedule(step)) for step in (0, 1, 1000, 1_000_000)}
        if len(found) > 1:
            return rate
        (rate,) = found
    # Keras keeps it in float32; the shortest text that means the same is what was typed.
    return float(str(np.float32(rate)))


def _live(value):
    """What a configuration describes, as an object."""
    import keras

    is_object = isinstance(value, dict) and "class_name" in value
    return keras.saving.deserialize_keras_object(value) if is_object else value


def _value(value, source, held):
    """The text of one argument; `held` is what the object itself keeps under its name."""
    if not isinstance(value, dict) or "class_name" not in value:
        return repr(float(value)) if isinstance(value, np.floating) else repr(value)
    if value["class_name"] == "function":
        return source.reference(held)
    if value["class_name"] == "DTypePolicy":
        return repr(value["config"]["name"])
    thing = held if hasattr(held, "get_config") else _live(value)
    return _name(thing) or construction(thing, source)


def _name(thing):
    """The word by which Keras knows an initializer and its like, if all is as by default."""
    family = type(thing).__module__.split(".")[2:3]
    if _arguments(thing)[0] or family[0] not in FAMILIES:
        return None
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", type(thing).__name__).lower()
    try:
        usual = getattr(sys.modules["keras"], family[0]).get(word)
    except (ValueError, KeyError):
        return None
    same = type(usual) is type(thing) and bare(usual.get_config()) == bare(thing.get_config())
    return repr(word) if same else None


def _loss(model, source):
    loss = model.loss
    if isinstance(loss, str):
        return repr(loss)
    if inspect.isfunction(loss):
        return source.reference(loss)
    if hasattr(loss, "get_config"):
        return construction(loss, source)
    _refuse(f"the loss {loss!r}")


def _metric_names(compiled):
    metrics = compiled.get("metrics") or []
    return [name for name in metrics if isinstance(name, str)]


def _refuse(what):
    raise SuiteError(
        "A plain script is written of keras.Sequential and Keras's own layers, optimizers and "
        f"losses; build model() of those, then export again. Received: {what}"
    )
