"""Functions as they stand in their files: their syntax trees and what the file imports.

Standard library only; reads source text.
"""

import ast
import functools
import inspect
import sys

OUTSIDE = {"numpy", "keras", *sys.stdlib_module_names} - {"__main__"}


def is_ours(value):
    """Returns whether a value is a function of a case or of this library."""
    value = inspect.unwrap(value) if callable(value) else value
    module = (getattr(value, "__module__", None) or "").partition(".")[0]
    return inspect.isfunction(value) and module not in OUTSIDE


def found(function):
    """Returns the syntax tree of a function or lambda, or `None` if its file is not at hand."""
    with_source = (node for node in ast.walk(_tree(function)) if _is_of(node, function.__code__))
    return next(with_source, None)


def imports(function):
    """Returns what a function's file, or it itself, imports of NumPy, Keras and the library.

    Returns:
        `{name: statement}`; this suite's own modules are not among them.
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


def first_line(node):
    """Returns the first line of a function's docstring, or nothing."""
    text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else ""
    return (text or "").partition("\n")[0]


def statements(node):
    """Returns the statements of a function or lambda, without docstring and imports."""
    if isinstance(node, ast.Lambda):
        return [ast.Return(node.body)]
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return [part for part in body if not isinstance(part, (ast.Import, ast.ImportFrom))]


def as_function(body, parameters):
    """Returns statements as a function, which says what names are its own."""
    arguments = ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, [])
    return ast.FunctionDef("_", arguments, body, [], None, lineno=0)


def definition(name, parameters, spoken, body):
    """Returns a function's text.

    Args:
        name: Its name.
        parameters: The names of its parameters.
        spoken: The line of its docstring, if any.
        body: Its statements.
    """
    lines = [f"def {name}({', '.join(parameters)}):"]
    lines += [f'    """{spoken}"""'] if spoken else []
    for part in body or [ast.Pass()]:
        lines += [f"    {line}" for line in ast.unparse(part).splitlines()]
    return "\n".join(lines)


def _alone(node, alias):
    """An import statement with one of its names."""
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
    """Whether a node is what some code was compiled from."""
    if isinstance(node, ast.Lambda):
        body = node.body
        span = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
        return code.co_name == "<lambda>" and span in set(code.co_positions())
    if not isinstance(node, ast.FunctionDef):
        return False
    first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
    return node.name == code.co_name and first == code.co_firstlineno
