"""Writes a built Keras model as source code, with all settings that are not Keras's defaults.

It reads Keras's own configurations. The caller has imported Keras.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cases.errors import SuiteError

if TYPE_CHECKING:
    from experiments.publish.export.source import Source

# Arguments of every layer, which signatures hide in **kwargs.
OF_LAYERS = ("trainable", "dtype")
FAMILIES = ("initializers", "regularizers", "constraints")
COMPILED = ("loss_weights", "metrics")


def model_lines(model: Any, source: Source) -> str:
    """Returns the statements that build and compile a model, as one text.

    Args:
        model: A built, compiled `keras.Sequential`.
        source: A `Source`, which writes losses and activations that are functions.

    Raises:
        SuiteError: A part of the model is not Keras's own.
    """
    import keras

    if type(model) is not keras.Sequential:
        raise _refusal(f"{type(model).__name__}, a model that trains in its own way")
    # Stubs of Keras: a built model has a shape.
    shape = tuple(model.input_shape[1:])  # pyright: ignore[reportOptionalSubscript]
    parts = [f"keras.Input({shape!r})"]
    parts += [construction(layer, source) for layer in model.layers if not is_idle(layer)]
    arguments = [construction(model.optimizer, source), f"loss={_loss(model, source)}"]
    compiled: Any = model.get_compile_config() or {}
    # Metrics do not affect training, so that custom ones may be left out.
    found = {"loss_weights": compiled.get("loss_weights"), "metrics": _metric_names(compiled)}
    arguments += [f"{name}={found[name]!r}" for name in COMPILED if found[name]]
    built = f"model = keras.Sequential([{', '.join(parts)}])"
    return f"{built}\nmodel.compile({', '.join(arguments)})"


def construction(thing: Any, source: Source) -> str:
    """Returns the call that makes a Keras object, with the arguments that are not its defaults.

    Args:
        thing: A layer, optimizer, schedule, loss, initializer, regularizer or constraint.
        source: A `Source`, for functions among its arguments.

    Raises:
        SuiteError: The object is not Keras's own.
    """
    import keras

    kind, config = type(thing), dict(thing.get_config())
    saved: Any = keras.saving.serialize_keras_object(thing)
    module = saved["module"]
    if module.partition(".")[0] != "keras":
        raise _refusal(f"{kind.__name__}, which is none of Keras's own")
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


def bare(config: Any) -> Any:
    """Returns a Keras configuration without names and seeds, which differ in each run."""
    if isinstance(config, dict):
        return {k: bare(v) for k, v in config.items() if k not in ("name", "seed")}
    return [bare(item) for item in config] if isinstance(config, (list, tuple)) else config


def _arguments(thing):
    """Returns the required arguments of a Keras object, and all its arguments."""
    import keras

    signature = inspect.signature(type(thing).__init__).parameters.values()
    usual = [p for p in signature if p.name not in ("self", "name", "seed")]
    usual = [p for p in usual if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in usual if p.default is p.empty]
    more = OF_LAYERS if isinstance(thing, keras.layers.Layer) else ()
    return required, [*(p.name for p in usual), *more]


def is_idle(layer: Any) -> bool:
    """Returns whether a layer does nothing: a dropout with rate 0."""
    import keras

    return isinstance(layer, keras.layers.Dropout) and layer.rate == 0


def _rate(optimizer):
    """Returns an optimizer's learning rate: a number, or the configuration of a schedule."""
    rate = optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict):
        schedule: Any = _live(rate)
        found = {float(schedule(step)) for step in (0, 1, 1000, 1_000_000)}
        if len(found) > 1:
            return rate
        (rate,) = found
    # Keras stores it in float32; the shortest equal text is what was typed.
    return float(str(np.float32(rate)))


def _live(value):
    """Returns the object that a configuration describes."""
    import keras

    is_object = isinstance(value, dict) and "class_name" in value
    return keras.saving.deserialize_keras_object(value) if is_object else value


def _value(value, source, held):
    """Returns the text of one argument; `held` is the object's attribute of that name."""
    if not isinstance(value, dict) or "class_name" not in value:
        return repr(float(value)) if isinstance(value, np.floating) else repr(value)
    if value["class_name"] == "function":
        return source.reference(held)
    if value["class_name"] == "DTypePolicy":
        return repr(value["config"]["name"])
    thing = held if hasattr(held, "get_config") else _live(value)
    return _name(thing) or construction(thing, source)


def _name(thing):
    """Returns Keras's name of an initializer and the like, if all its settings are defaults."""
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
    raise _refusal(f"the loss {loss!r}")


def _metric_names(compiled):
    metrics = compiled.get("metrics") or []
    return [name for name in metrics if isinstance(name, str)]


def _refusal(what: str) -> SuiteError:
    return SuiteError(
        "A plain script is written of keras.Sequential and Keras's own layers, optimizers and "
        f"losses; build model() of those, then export again. Received: {what}"
    )
