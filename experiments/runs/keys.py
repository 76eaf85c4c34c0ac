"""Row keys, which identify the code that made a row; and the environment it was made in.

A key covers source text. A changed case gives its arms new keys, so that stored rows of the
earlier version are stale.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import inspect
import io
import pathlib
import platform
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any

import numpy as np

from experiments.cases.case import Case
from experiments.cases.errors import SuiteError
from experiments.cases.evidence import FOLDER
from experiments.cases.setups import Setup
from experiments.training import devices

# Part of every row key: increase it when trainers or metrics change rows.
ENGINE_VERSION = 2
PACKAGES = ("keras", "tensorflow", "numpy")
PLAIN = (str, int, float, bool, tuple, list, type(None))
HELD = (set, frozenset, np.ndarray)
# The folder of evidence files, beside the scripts of their cases.


def row_key(case: Case, setup: Setup, trainer: str = "engine") -> str:
    """Returns the key of one arm's rows, 12 hexadecimal digits.

    The key covers the setup; the source of `data`, `model`, `inputs`, `by_hand` and the
    target, with everything they use of their own file and of this library; the fields of the
    task and the threshold; the trainer and the engine's version. It does not cover comments,
    docstrings, blank lines, names of arms and reasons of fixes.
    """
    texts: dict[str, str] = {}
    functions = (case.data, case.model, case.task.target, case.inputs, case.by_hand)
    for function in (*functions, *_methods(setup)):
        _collect(function, texts)
    spoken = ("target", "published_mse")
    evaluation = {k: v for k, v in vars(case.task).items() if k not in spoken}
    parts = [
        type(setup).__name__,
        setup.to_json(),
        f"{trainer} {ENGINE_VERSION}",
        repr(case.solved),
        repr(evaluation),
        *(f"{name}: {text}" for name, text in sorted(texts.items())),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _collect(value: Any, texts: dict[str, str], name: str = "") -> None:
    """Adds the text of a value, and of everything it names, to `texts`."""
    if isinstance(value, functools.partial):
        _add(f"{name} arguments", _arguments(value), texts)
        for item in (*value.args, *value.keywords.values()):
            if inspect.isfunction(item):
                _collect(item, texts)
        value = value.func
    value = inspect.unwrap(value) if callable(value) else value
    if not inspect.isfunction(value):
        _add(name or type(value).__name__, _plain_text(value), texts)
        return
    enclosed = inspect.getclosurevars(value).nonlocals
    if _add(value.__qualname__, _plain_text(value), texts) or enclosed:
        _follow_names(
            _plain_text(value), {**value.__globals__, **enclosed}, value.__module__, texts
        )


def _arguments(value: functools.partial) -> str:
    plain = all(isinstance(v, PLAIN) for v in (*value.args, *value.keywords.values()))
    given = (value.args, value.keywords)
    return repr(given) if plain else _plain_text(given)


def _add(name: str, text: str, texts: dict[str, str]) -> bool:
    """Adds a text unless it is there; a name that exists gets a number."""
    if name in texts and any(text in other for other in texts.values()):
        return False
    place = name if name not in texts else f"{name} {len(texts)}"
    texts[place] = text
    return True


def _follow_names(
    source: str, names: Mapping[str, Any], module: str, texts: dict[str, str]
) -> None:
    for used in sorted(set(re.findall(r"[A-Za-z_]\w*", source))):
        if used in names:
            _follow(used, names[used], module, source, texts)


def _follow(used: str, value: Any, module: str, source: str, texts: dict[str, str]) -> None:
    """Follows a name into the case's own file and into this library, but no further."""
    ours = (getattr(value, "__module__", None) or "").startswith("experiments.")
    ours = ours or getattr(value, "__module__", None) in (module, script_of(module))
    if inspect.ismodule(value):
        if value.__name__.startswith("experiments."):
            parts = {part: getattr(value, part, None) for part in vars(value)}
            for part in sorted(set(re.findall(rf"\b{used}\.(\w+)", source))):
                _follow(part, parts.get(part), value.__name__, source, texts)
    elif inspect.isfunction(inspect.unwrap(value) if callable(value) else value):
        if ours:
            _collect(value, texts)
    elif isinstance(value, functools.partial):
        _collect(value, texts, used)
    elif ours and hasattr(value, "__dict__") and not inspect.isclass(value):
        _add(used, f"{type(value).__qualname__} {_plain_text(vars(value))}", texts)
        _follow(type(value).__qualname__, type(value), module, source, texts)
    elif inspect.isclass(value):
        if ours and _add(value.__qualname__, _plain_text(value), texts):
            names = vars(inspect.getmodule(value) or object)
            _follow_names(_plain_text(value), names, module, texts)
    elif isinstance(value, (dict, *PLAIN, *HELD)):
        _add(used, _plain_text(value), texts)
        held: Any = value.values() if isinstance(value, dict) else value
        for item in held if isinstance(value, (dict, tuple, list)) else ():
            if inspect.isfunction(item):
                _collect(item, texts)


def script_of(module: str | None) -> str:
    """Returns the module of the case that an evidence module belongs to, or the module itself."""
    return (module or "").replace(f"{FOLDER}.", "")


def _plain_text(value: Any) -> str:
    """Returns a value as text without memory addresses."""
    if isinstance(value, dict):
        return ", ".join(f"{key!r}: {_plain_text(item)}" for key, item in value.items())
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({', '.join(_plain_text(item) for item in value)})"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}({sorted(_plain_text(item) for item in value)})"
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.tolist()}"
    if inspect.isfunction(value) or inspect.isclass(value):
        return plain_source(_source(value))
    return f"{type(value).__module__}.{getattr(value, '__name__', type(value).__name__)}"


@functools.cache
def _source(function: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return function.__qualname__


def _methods(setup: Setup) -> list[Callable]:
    """Returns the functions of a setup's own methods and properties."""
    found = []
    for kind in type(setup).__mro__:
        if kind.__module__ == "experiments.cases.setups":
            break
        for name, value in vars(kind).items():
            value = getattr(value, "fget", value)
            if inspect.isfunction(value) and not name.startswith("__"):
                found.append(value)
    return found


@functools.cache
def plain_source(source: str) -> str:
    """Returns source text without comments, docstrings and blank lines."""
    lines = source.splitlines(keepends=True)
    for first, start, last, end in sorted(_comments_and_docstrings(source, lines), reverse=True):
        kept = lines[first - 1][:start] + lines[last - 1][end:]
        lines[first - 1 : last] = [kept] + [""] * (last - first)
    kept = [line.rstrip() for line in "".join(lines).splitlines()]
    return "\n".join(line for line in kept if line)


def _comments_and_docstrings(source: str, lines: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yields places of comments and docstrings: line, column, last line, last column."""

    def characters(line: int, offset: int) -> int:
        # `ast` counts bytes.
        return len(lines[line - 1].encode()[:offset].decode())

    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield (*token.start, *token.end)
    with contextlib.suppress(SyntaxError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
                text: Any = node.body[0]
                start = characters(text.lineno, text.col_offset)
                end = characters(text.end_lineno, text.end_col_offset)
                yield text.lineno, start, text.end_lineno, end


@functools.cache
def version(package: str) -> str:
    """Returns the version of an installed package, which is not imported.

    Args:
        package: Name as in `import`. Its distribution may have another name: keras-nightly,
            tensorflow-cpu.

    Raises:
        SuiteError: The package is not installed.
    """
    found = _distributions([package, f"{package}-nightly"])
    # This reads the lists of files of all distributions, which takes about a second.
    found = found or _distributions(metadata.packages_distributions().get(package, ()))
    if not found:
        raise SuiteError(f"Expected an installed package. Received: {package}, which is missing")
    # Of two distributions with the same files, the one installed last is in place.
    return max(found, key=_installed_at).version if len(found) > 1 else found[0].version


def _distributions(names: Iterable[str]) -> list[metadata.Distribution]:
    found = []
    for name in dict.fromkeys(names):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(metadata.distribution(name))
    return found


def _installed_at(distribution: metadata.Distribution) -> float:
    """Returns when a distribution was installed, in seconds; 0 if there is no record."""
    records = (path for path in distribution.files or () if path.name == "RECORD")
    return max((pathlib.Path(path.locate()).stat().st_mtime for path in records), default=0)


def environment() -> dict[str, str]:
    """Returns the versions and the hardware that this process trains with, as text."""
    made = {
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
    }
    return made | ({"device": devices.name()} if devices.gpus() else {})


def processor() -> str:
    """Returns the processor's name, with family and model where known."""
    facts: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    family, model = facts.get("cpu family", "?"), facts.get("model", "?")
    return f"{facts['model name']} (family {family}, model {model})"
