"""Formats the source of a script: short lines, plain numbers, double quotes.

Standard library only. Text becomes text.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH = 100
INDENT = "    "
CLOSING = {"(": ")", "[": "]", "{": "}"}


def tidy(code: str) -> str:
    """Returns equivalent code in the common layout.

    Strings have double quotes, whole numbers from 10,000 on have separators, 1e-08 is 1e-8, a
    bare tuple has no brackets, and in a line of more than 100 columns the last bracket is
    split, one item per line.

    Args:
        code: Source text with one statement per line, as `ast.unparse` writes it.
    """
    lines = [_without_brackets(line) for line in _plain_tokens(code).splitlines()]
    laid = "\n".join(_opened(line) for line in lines)
    return laid if ast.dump(ast.parse(laid)) == ast.dump(ast.parse(code)) else code


def imports(lines: Iterable[str]) -> str:
    """Returns import statements in the common order: standard library first, then the rest.

    Args:
        lines: Statements such as `import numpy as np`.
    """
    groups = {True: [], False: []}
    for line in sorted(set(lines), key=lambda line: (line.startswith("from"), line.split()[1:])):
        groups[re.split(r"[ .]", line)[1] in sys.stdlib_module_names].append(line)
    return "\n\n".join("\n".join(group) for group in groups.values() if group)


def number(value: float) -> str:
    """Returns a number as source text: 10_000, 0.01, 1e-8."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    return re.sub(r"e([-+]?)0+(?=\d)", r"e\1", repr(value))


def _plain_tokens(code):
    lines = code.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(code).readline))):
        (first, start), (last, end) = token.start, token.end
        if first == last and token.type in (tokenize.NUMBER, tokenize.STRING):
            line = lines[first - 1]
            lines[first - 1] = line[:start] + _plain(token) + line[end:]
    return "".join(lines)


def _plain(token):
    text = token.string
    if token.type == tokenize.NUMBER and re.fullmatch(r"\d+|\d[\d.]*(e[-+]?\d+)?", text):
        return number(ast.literal_eval(text))
    if token.type == tokenize.STRING and text.startswith("'") and not set(text[1:-1]) & set("\"'"):
        return f'"{text[1:-1]}"'
    return text


def _without_brackets(line):
    """Returns a line that ends in a tuple without the tuple's brackets."""
    found = re.fullmatch(r"( *)(return|[^=\"']+ =) \((.*)\)", line)
    value = _value(line) if found else None
    if found and isinstance(value, ast.Tuple) and len(value.elts) > 1:
        bare = f"{found[2]} {found[3]}"
        before, after = _parses(line.strip()), _parses(bare)
        if before and after and ast.dump(before) == ast.dump(after):
            return found[1] + bare
    return line


def _value(line):
    return getattr(_parses(line.strip()), "value", None)


def _parses(text):
    """Returns the one statement of a text, or `None`."""
    try:
        (statement,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    return statement


def _opened(line):
    """Returns a line with its last bracket split if it is too long."""
    end = "," if line.endswith(",") else ""
    bare = line.removesuffix(",")
    place = _last_bracket(bare)
    if len(line) <= WIDTH or place is None:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    items, inner = _items(bare[place + 1 : -1]), indent + INDENT
    if len(items) > 1:
        whole = inner + ", ".join(items)
        # Arguments may share one line, the items of a list may not.
        whole += "" if re.match(r"\w\(", bare[place - 1 :]) else " " * WIDTH
        body = [whole] if len(whole) <= WIDTH else [_opened(f"{inner}{item},") for item in items]
    else:
        body = [_opened(inner + item) for item in items]
    return "\n".join([bare[: place + 1], *body, f"{indent}{bare[-1]}{end}"])


def _last_bracket(line):
    """Returns the index of the opening bracket that the line's last character closes."""
    if not line or line[-1] not in CLOSING.values():
        return None
    stack, place = [], None
    for index, sign in _code_signs(line):
        if sign in CLOSING:
            stack.append(index)
        elif sign in CLOSING.values() and stack:
            place = stack.pop()
    empty = place is None or place == len(line) - 2
    return None if stack or empty else place


def _items(text):
    """Returns the parts between commas that are in no nested bracket."""
    depth, start, found = 0, 0, []
    for index, sign in _code_signs(text):
        depth += (sign in CLOSING) - (sign in CLOSING.values())
        if sign == "," and depth == 0:
            found.append(text[start:index].strip())
            start = index + 1
    return [item for item in [*found, text[start:].strip()] if item]


def _code_signs(text):
    """Yields the indices and characters of a text that are outside strings."""
    quote = None
    for index, sign in enumerate(text):
        if quote:
            quote = None if sign == quote and text[index - 1] != "\\" else quote
        elif sign in "\"'":
            quote = sign
        else:
            yield index, sign
