"""Folding: source text in which some values are known, and what remains of it.

Standard library only. A known value stands in an `ast.Constant`, whatever it is;
who folds a text turns what is left of them into text afterwards.
"""

import ast
import builtins
import copy
import operator

PURE = ("abs", "bool", "dict", "float", "int", "len", "list", "max", "min", "round", "str")
PURE += ("sorted", "sum", "tuple")
LITERALS = (str, int, float, bool, type(None), type(...), bytes)


class Fold(ast.NodeTransformer):
    """Replaces what is known, and drops what can then not be reached.

    Args:
        known: Name to the node that stands for it, `ast.Constant` if its value is known.
        lookup: Function of a name that the text does not set itself, returning the node
            that stands for it.
        apply: Function `(callable, node)` of a call whose callee is known, returning the
            node that stands for the call.
    """

    def __init__(self, known, lookup, apply):
        self._known, self._lookup, self._apply = known, lookup, apply
        self._own = set()

    def fold(self, node):
        """Returns what remains of a function or an expression."""
        self._own = _own_names(node)
        return self.visit(node)

    def visit_FunctionDef(self, node):
        node.args, body = self.visit(node.args), []
        for part in node.body:
            body += _flat([self.visit(part)])
            # What stands behind may need functions that nothing then calls.
            if any(isinstance(done, ast.Return) for done in body):
                break
        node.body = body
        return node

    def visit_Name(self, node):
        if not isinstance(node.ctx, ast.Load) or node.id in self._own:
            return node
        found = self._known.get(node.id)
        if is_known(found):
            # The value itself: a module, say, cannot be copied.
            return ast.Constant(found.value)
        return copy.deepcopy(found) if found else self._lookup(node)

    def visit_Attribute(self, node):
        node = self.generic_visit(node)
        if is_known(node.value) and not isinstance(node.value.value, LITERALS):
            return constant(getattr(node.value.value, node.attr))
        return node

    def visit_Subscript(self, node):
        node = self.generic_visit(node)
        if is_known(node.value) and _is_value(node.slice):
            return constant(node.value.value[value_of(node.slice)])
        if isinstance(node.value, ast.Tuple) and is_known(node.slice):
            return node.value.elts[node.slice.value]
        return node

    def visit_Tuple(self, node):
        node = self.generic_visit(node)
        node.elts = _spread(node.elts)
        return node

    visit_List = visit_Tuple

    def visit_Call(self, node):
        node = self.generic_visit(node)
        node.args = _spread(node.args)
        node.keywords = _spread_keywords(node.keywords)
        called = ast.unparse(node.func) if isinstance(node.func, ast.Name) else ""
        if called == "getattr" and len(node.args) == 2 and is_known(node.args[1]):
            return self.visit_Attribute(ast.Attribute(node.args[0], node.args[1].value, ast.Load()))
        if called in PURE or _is_literals_method(node.func):
            return _computed(node, called)
        return self._apply(node.func.value, node) if is_known(node.func) else node

    def visit_If(self, node):
        test = self.visit(node.test)
        if is_known(test):
            chosen = [self.visit(part) for part in (node.body if test.value else node.orelse)]
            return _flat(chosen)
        return self.generic_visit(node)

    def visit_IfExp(self, node):
        test = self.visit(node.test)
        if is_known(test):
            return self.visit(node.body if test.value else node.orelse)
        return self.generic_visit(node)

    def visit_BoolOp(self, node):
        node, stops = self.generic_visit(node), isinstance(node.op, ast.Or)
        while len(node.values) > 1 and is_known(node.values[0]):
            if bool(node.values[0].value) == stops:
                return node.values[0]
            node.values.pop(0)
        return node if len(node.values) > 1 else node.values[0]

    def visit_Compare(self, node):
        node = self.generic_visit(node)
        return _evaluated(node, [node.left, *node.comparators])

    def visit_UnaryOp(self, node):
        node = self.generic_visit(node)
        return _evaluated(node, [node.operand])

    def visit_BinOp(self, node):
        node = self.generic_visit(node)
        if is_known(node.left) and is_known(node.right):
            found = _evaluated(copy.deepcopy(node), [node.left, node.right])
            # One third is better read as 1 / 3.
            short = len(repr(found.value)) <= len(f"{node.left.value!r} + {node.right.value!r}")
            return found if short or not isinstance(found.value, float) else node
        return _without_neutral(node)


def is_known(node):
    """Whether a node stands for a value."""
    return isinstance(node, ast.Constant)


def constant(value):
    """Returns the node that stands for a value; a scalar of NumPy is a plain number."""
    is_scalar = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return ast.Constant(value.item() if is_scalar else value)


def value_of(node):
    """Returns the value of a node that is known, or made of known ones only."""
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
    """The names that a text sets itself: by assignment, as arguments, in loops."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store}
    nested = {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef) and n is not node}
    return stored | nested | {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}


def _flat(parts):
    """Statements, of which some became several or none."""
    found = []
    for part in parts:
        found += part if isinstance(part, list) else [part] if part else []
    return found


def _spread(nodes):
    """Elements, with `*known` written out."""
    found = []
    for node in nodes:
        inner = getattr(node, "value", None) if isinstance(node, ast.Starred) else None
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
    """A call of a pure function, done if all it is given is known."""
    arguments = [*node.args, *(item.value for item in node.keywords)]
    if not all(map(_is_value, arguments)):
        return node
    function = getattr(builtins, name) if name else getattr(node.func.value.value, node.func.attr)
    named = {item.arg: value_of(item.value) for item in node.keywords}
    return constant(function(*map(value_of, node.args), **named))


def _evaluated(node, parts):
    """An operation, done if all its parts are known."""
    if not all(map(_is_value, parts)):
        return node
    values = {f"_{place}": value_of(part) for place, part in enumerate(parts)}
    names = [ast.Name(name, ast.Load()) for name in values]
    if isinstance(node, ast.Compare):
        node.left, node.comparators = names[0], names[1:]
    elif isinstance(node, ast.BinOp):
        node.left, node.right = names
    else:
        (node.operand,) = names
    text = ast.fix_missing_locations(ast.Expression(node))
    return constant(eval(compile(text, "<folded>", "eval"), {}, values))


def _without_neutral(node):
    """An operation, less a 0 or 1 that changes nothing."""
    zero, one = (ast.Add, ast.Sub), (ast.Mult, ast.Div)
    neutral = 0 if isinstance(node.op, zero) else 1 if isinstance(node.op, one) else None
    sides = [(node.right, node.left)]
    if isinstance(node.op, (ast.Add, ast.Mult)):
        sides.append((node.left, node.right))
    for side, other in sides:
        number = is_known(side) and isinstance(side.value, (int, float))
        # A truth times 1.0 becomes a number, so that is not nothing.
        if number and operator.eq(side.value, neutral) and not isinstance(other, ast.Compare):
            return other
    return node
