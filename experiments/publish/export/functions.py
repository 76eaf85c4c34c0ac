"""Reads functions from their source files: their syntax trees and the imports they use.

Standard library only.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OUTSIDE = {"numpy", "keras", *sys.stdlib_module_names} - {"__main__"}


def is_ours(value: Any) -> bool:
    """Returns whether a value is a function of a case or of this library."""
    value = inspect.unwrap(value) if callable(value) else value
    module = (getattr(value, "__module__", None) or "").partition(".")[0]
    return inspect.isfunction(value) and module not in OUTSIDE


def found(function: Callable[..., Any]) -> ast.FunctionDef | ast.Lambda | None:
    """Returns the syntax tree of a function or lambda, or `None` if its source is not available."""
    nodes: Any = ast.walk(_tree(function))
    return next((node for node in nodes if _is_of(node, function.__code__)), None)


def imports(function: Callable[..., Any]) -> dict[str, str]:
    """Returns the imports that a function may use, from its file or its own body.

    Returns:
        `{name: statement}` of NumPy, Keras and the standard library, without this suite's own
        modules.
    """
    lines = {}
    for node in ast.walk(_tree(function)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                top = (getattr(node, "module", None) or alias.name).partition(".")[0]
                if top in OUTSIDE:
                    bound = alias.asname or alias.name.partition(".")[0]
                    lines[bound] = ast.unparse(_alone(node, alias))
    return lines


def first_line(node: ast.FunctionDef | ast.Lambda) -> str:
    """Returns the first line of a function's docstring, or an empty text."""
    text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else ""
    return (text or "").partition("\n")[0]


def statements(node: ast.FunctionDef | ast.Lambda) -> list[ast.stmt]:
    """Returns the statements of a function or lambda, without docstring and imports."""
    if isinstance(node, ast.Lambda):
        return [ast.Return(node.body)]
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return [part for part in body if not isinstance(part, (ast.Import, ast.ImportFrom))]


def as_function(body: list[ast.stmt], parameters: Iterable[str]) -> ast.FunctionDef:
    """Returns statements as a function, which tells its own names from others."""
    arguments = ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, [])
    return ast.FunctionDef("_", arguments, body, [], None, lineno=0)


def definition(name: str, parameters: Iterable[str], spoken: str, body: list[ast.stmt]) -> str:
    """Returns a function's source text.

    Args:
        name: Its name.
        parameters: The names of its parameters.
        spoken: The line of its docstring, or an empty text.
        body: Its statements.
    """
    lines = [f"def {name}({', '.join(parameters)}):"]
    lines += [f'    """{spoken}"""'] if spoken else []
    for part in body or [ast.Pass()]:
        lines += [f"    {line}" for line in ast.unparse(part).splitlines()]
    return "\n".join(lines)


def _alone(node, alias):
    """Returns an import statement with one of its names."""
    if isinstance(node, ast.ImportFrom):
        return ast.ImportFrom(node.module, [alias], node.level)
    return ast.Import([alias])


def _tree(function):
    try:
        lines, _ = inspect.findsource(function)
        return _parsed("".join(lines))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


@functools.lru_cache(maxsize=32)
def _parsed(text):
    return ast.parse(text)


def _is_of(node, code):
    """Returns whether a code object was compiled from a node."""
    if isinstance(node, ast.Lambda):
        body = node.body
        span = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
        return code.co_name == "<lambda>" and span in set(code.co_positions())
    if not isinstance(node, ast.FunctionDef):
        return False
    first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
    return node.name == code.co_name and first == code.co_firstlineno
