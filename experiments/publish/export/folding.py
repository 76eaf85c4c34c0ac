"""Folds source code in which some values are known: computes them and drops dead branches.

Standard library only. A known value of any type stands in an `ast.Constant`. The caller
turns the remaining values into text.
"""

from __future__ import annotations

import ast
import builtins
import copy
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PURE = ("abs", "bool", "dict", "float", "int", "len", "list", "max", "min", "round", "str")
PURE += ("sorted", "sum", "tuple")
LITERALS = (str, int, float, bool, type(None), type(...), bytes)


class Fold(ast.NodeTransformer):
    """Replaces known values and drops the code that becomes unreachable.

    Args:
        known: Name to the node that replaces it, `ast.Constant` if its value is known.
        lookup: Function of a name that the code does not assign; returns the node that
            replaces it.
        apply: Function `(callable, node)` of a call whose callee is known; returns the node
            that replaces the call.
    """

    def __init__(
        self,
        known: Mapping[str, Any],
        lookup: Callable[[ast.Name], ast.expr],
        apply: Callable[[Any, ast.Call], ast.expr],
    ) -> None:
        self._known, self._lookup, self._apply = known, lookup, apply
        self._own = set()

    def fold(self, node: Any) -> Any:
        """Returns the folded function or expression."""
        self._own = _own_names(node)
        return self.visit(node)

    def visit_FunctionDef(self, node: Any) -> Any:
        node.args, body = self.visit(node.args), []
        for part in node.body:
            body += _flat([self.visit(part)])
            # Unreachable code may use functions that are not needed otherwise.
            if any(isinstance(done, ast.Return) for done in body):
                break
        node.body = body
        return node

    def visit_Name(self, node: Any) -> Any:
        if not isinstance(node.ctx, ast.Load) or node.id in self._own:
            return node
        found: Any = self._known.get(node.id)
        if is_known(found):
            # The value itself, as a module cannot be copied.
            return ast.Constant(found.value)
        return copy.deepcopy(found) if found else self._lookup(node)

    def visit_Attribute(self, node: Any) -> Any:
        node = self.generic_visit(node)
        if is_known(node.value) and not isinstance(node.value.value, LITERALS):
            return constant(getattr(node.value.value, node.attr))
        return node

    def visit_Subscript(self, node: Any) -> Any:
        node = self.generic_visit(node)
        if is_known(node.value) and _is_value(node.slice):
            return constant(node.value.value[value_of(node.slice)])
        if isinstance(node.value, ast.Tuple) and is_known(node.slice):
            return node.value.elts[node.slice.value]
        return node

    def visit_Tuple(self, node: Any) -> Any:
        node = self.generic_visit(node)
        node.elts = _spread(node.elts)
        return node

    def visit_List(self, node: Any) -> Any:
        return self.visit_Tuple(node)

    def visit_Call(self, node: Any) -> Any:
        node = self.generic_visit(node)
        node.args = _spread(node.args)
        node.keywords = _spread_keywords(node.keywords)
        called = ast.unparse(node.func) if isinstance(node.func, ast.Name) else ""
        if called == "getattr" and len(node.args) == 2 and is_known(node.args[1]):
            return self.visit_Attribute(ast.Attribute(node.args[0], node.args[1].value, ast.Load()))
        if called in PURE or _is_literals_method(node.func):
            return _computed(node, called)
        callee: Any = node.func
        return self._apply(callee.value, node) if is_known(callee) else node

    def visit_If(self, node: Any) -> Any:
        test = self.visit(node.test)
        if is_known(test):
            chosen = [self.visit(part) for part in (node.body if test.value else node.orelse)]
            return _flat(chosen)
        return self.generic_visit(node)

    def visit_IfExp(self, node: Any) -> Any:
        test = self.visit(node.test)
        if is_known(test):
            return self.visit(node.body if test.value else node.orelse)
        return self.generic_visit(node)

    def visit_BoolOp(self, node: Any) -> Any:
        node, stops = self.generic_visit(node), isinstance(node.op, ast.Or)
        while len(node.values) > 1 and is_known(node.values[0]):
            if bool(node.values[0].value) == stops:
                return node.values[0]
            node.values.pop(0)
        return node if len(node.values) > 1 else node.values[0]

    def visit_Compare(self, node: Any) -> Any:
        node = self.generic_visit(node)
        return _evaluated(node, [node.left, *node.comparators])

    def visit_UnaryOp(self, node: Any) -> Any:
        node = self.generic_visit(node)
        return _evaluated(node, [node.operand])

    def visit_BinOp(self, node: Any) -> Any:
        node = self.generic_visit(node)
        if is_known(node.left) and is_known(node.right):
            found = _evaluated(copy.deepcopy(node), [node.left, node.right])
            # 1 / 3 is more readable than its digits.
            short = len(repr(found.value)) <= len(f"{node.left.value!r} + {node.right.value!r}")
            return found if short or not isinstance(found.value, float) else node
        return _without_neutral(node)


def is_known(node: Any) -> bool:
    """Returns whether a node stands for a known value."""
    return isinstance(node, ast.Constant)


def constant(value: Any) -> ast.Constant:
    """Returns the node of a value; a NumPy scalar becomes a plain number."""
    is_scalar = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return ast.Constant(value.item() if is_scalar else value)


def value_of(node: Any) -> Any:
    """Returns the value of a node that is known or made of known nodes only."""
    if is_known(node) or node is None:
        return node and node.value
    if isinstance(node, ast.Slice):
        return slice(value_of(node.lower), value_of(node.upper), value_of(node.step))
    return tuple(value_of(part) for part in node.elts)


def _is_value(node):
    if isinstance(node, ast.Slice):
        return all(part is None or is_known(part) for part in (node.lower, node.upper, node.step))
    return is_known(node) or (isinstance(node, ast.Tuple) and all(map(_is_value, node.elts)))


def _own_names(node):
    """Returns the names that the code binds itself: assignments, arguments, loops."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store}
    nested = {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef) and n is not node}
    return stored | nested | {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}


def _flat(parts):
    """Returns statements as one list, where some became several or none."""
    found = []
    for part in parts:
        found += part if isinstance(part, list) else [part] if part else []
    return found


def _spread(nodes):
    """Returns elements with known starred values expanded."""
    found = []
    for node in nodes:
        inner: Any = getattr(node, "value", None) if isinstance(node, ast.Starred) else None
        if is_known(inner):
            found += [ast.Constant(value) for value in inner.value]
        elif isinstance(inner, (ast.Tuple, ast.List)):
            found += inner.elts
        else:
            found.append(node)
    return found


def _spread_keywords(keywords):
    found = []
    for item in keywords:
        if item.arg is None and is_known(item.value):
            found += [ast.keyword(k, ast.Constant(v)) for k, v in item.value.value.items()]
        else:
            found.append(item)
    return found


def _is_literals_method(node):
    return isinstance(node, ast.Attribute) and is_known(node.value)


def _computed(node, name):
    """Returns the result of a call of a pure function if all its arguments are known."""
    arguments = [*node.args, *(item.value for item in node.keywords)]
    if not all(map(_is_value, arguments)):
        return node
    function = getattr(builtins, name) if name else getattr(node.func.value.value, node.func.attr)
    named = {item.arg: value_of(item.value) for item in node.keywords}
    return constant(function(*map(value_of, node.args), **named))


def _evaluated(node, parts):
    """Returns the result of an operation if all its operands are known."""
    if not all(map(_is_value, parts)):
        return node
    values = {f"_{place}": value_of(part) for place, part in enumerate(parts)}
    names: list[Any] = [ast.Name(name, ast.Load()) for name in values]
    if isinstance(node, ast.Compare):
        node.left, node.comparators = names[0], names[1:]
    elif isinstance(node, ast.BinOp):
        node.left, node.right = names
    else:
        (node.operand,) = names
    text = ast.fix_missing_locations(ast.Expression(node))
    return constant(eval(compile(text, "<folded>", "eval"), {}, values))


def _without_neutral(node):
    """Returns an operation without an operand 0 or 1 that changes nothing."""
    zero, one = (ast.Add, ast.Sub), (ast.Mult, ast.Div)
    neutral = 0 if isinstance(node.op, zero) else 1 if isinstance(node.op, one) else None
    sides = [(node.right, node.left)]
    if isinstance(node.op, (ast.Add, ast.Mult)):
        sides.append((node.left, node.right))
    for side, other in sides:
        number = is_known(side) and isinstance(side.value, (int, float))
        # A boolean times 1.0 becomes a number, so that the product is kept.
        if number and operator.eq(side.value, neutral) and not isinstance(other, ast.Compare):
            return other
    return node
