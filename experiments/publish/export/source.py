"""Writes a case's functions as plain source text, with all settings filled in.

No function of a case is run. Functions of the case's own file or of this library that a
function uses are written beside it, each once for each set of values that it is called with.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import functools
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cases.errors import SuiteError
from experiments.publish.export import functions
from experiments.publish.export.folding import LITERALS, Fold, is_known
from experiments.publish.export.functions import OUTSIDE, is_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

COUNT = "num_samples"
LONGEST_ARRAY = 100


@dataclasses.dataclass(frozen=True)
class Written:
    """A function of the script: its name and its remaining parameters."""

    name: str
    parameters: tuple[str, ...]

    def call(self, *arguments: str) -> str:
        """Returns the text of its call; arguments are texts."""
        return f"{self.name}({', '.join(arguments)})"


class Source:
    """The functions of one script, and the imports they need.

    Args:
        case_name: Name of the case, for error messages.
        taken: Names that the script uses itself.

    Attributes:
        functions: Their texts, each after those it calls.
        imports: Import statements.
    """

    def __init__(self, case_name: str, taken: Iterable[str] = ()) -> None:
        self.functions, self.imports = [], set()
        self._case_name, self._taken, self._written = case_name, set(taken), {}

    def write(
        self,
        function: Callable[..., Any],
        known: Mapping[str, Any] | None = None,
        given: Collection[str] | None = None,
        role: str = "function",
    ) -> Written:
        """Writes a function, unless it is written already.

        Args:
            function: A Python function, a method or a `functools.partial` of one.
            known: Parameter to value, or to the `ast` node that replaces it.
            given: The parameters that its calls pass; if `None`, all that have no default. The
                others take their defaults.
            role: Its name in the script if it has none.

        Returns:
            A `Written`. If `given` is `None`, it lacks the parameters that nothing reads.

        Raises:
            SuiteError: Something in it cannot be written as a plain script.
        """
        known = {k: _as_node(value) for k, value in (known or {}).items()}
        function, known = self._bare(function, known)
        defaults, keeps = _defaults(function), given is not None
        free = [name for name in inspect.signature(function).parameters if name not in known]
        given = [name for name in free if name in (given or ()) or name not in defaults]
        known = {k: v for k, v in defaults.items() if k not in given} | known
        words = [f"{k}={_word(node)}" for k, node in known.items()]
        key = (function, tuple(sorted(words)), keeps)
        if key not in self._written:
            self._write(key, function, known, given, role)
        return self._written[key]

    def reference(self, value: Any, role: str = "function") -> str:
        """Returns the expression of a value, and writes the functions it needs.

        Raises:
            SuiteError: A plain script cannot hold the value.
        """
        return ast.unparse(self._node(value, role))

    def _bare(self, function, known):
        """Returns a function without its bound arguments, which become known."""
        while isinstance(function, functools.partial) or inspect.ismethod(function):
            held: Any = function
            bare = getattr(held, "func", None) or held.__func__
            names = list(inspect.signature(bare).parameters)
            first = held.args if hasattr(held, "args") else (held.__self__,)
            bound = dict(zip(names, first, strict=False)) | getattr(held, "keywords", {})
            known = {k: ast.Constant(v) for k, v in bound.items()} | known
            function = bare
        return inspect.unwrap(function), known

    def _write(self, key, function, known, given, role):
        node = copy.deepcopy(self._found(function))
        name = self._name(node.name if isinstance(node, ast.FunctionDef) else role)
        parameters = _parameters(function, known, given)
        self._written[key] = Written(name, parameters)
        wanted = {}
        body = _body(node, known)
        folded = self._fold(function, known, wanted).fold(functions.as_function(body, given))
        body = self._plain(folded.body, role)
        used = {part.id for item in body for part in ast.walk(item) if isinstance(part, ast.Name)}
        if not key[-1]:
            parameters = tuple(p for p in parameters if p in used)
        alias = self._alias(body, parameters)
        self._written[key] = alias or Written(name, parameters)
        if alias is None:
            self.imports |= {line for word, line in wanted.items() if word in used}
            self.functions.append(
                functions.definition(name, parameters, functions.first_line(node), body)
            )
        else:
            self._taken.discard(name)

    def _alias(self, body, parameters):
        """Returns the function that a body merely calls, if it takes the same parameters."""
        call = getattr(body[0], "value", None)
        if len(body) != 1 or not isinstance(call, ast.Call) or call.keywords:
            return None
        for written in self._written.values():
            same = ast.unparse(call) == written.call(*written.parameters)
            if same and written.parameters == parameters:
                return written
        return None

    def _name(self, wanted):
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name

    def _fold(self, function, known, wanted):
        """Returns a `Fold` that sees the names of a function's file."""
        enclosed = inspect.getclosurevars(function).nonlocals
        names = function.__globals__ | enclosed
        outside = functions.imports(function)

        def lookup(node):
            if node.id in outside and node.id not in enclosed:
                wanted[node.id] = outside[node.id]
                return node
            return ast.Constant(names[node.id]) if node.id in names else node

        return Fold(known, lookup, functools.partial(self._apply, wanted))

    def _apply(self, wanted, called, node):
        """Returns the node that replaces the call of a known function."""
        if isinstance(called, functools.partial):
            bound = [ast.keyword(k, ast.Constant(v)) for k, v in called.keywords.items()]
            node.args = [ast.Constant(v) for v in called.args] + node.args
            node.keywords += [k for k in bound if k.arg not in {item.arg for item in node.keywords}]
            function: Any = called.func
            node.func = ast.Constant(function)
            return self._apply(wanted, called.func, node)
        if inspect.ismethod(called):
            bound_to: Any = called.__self__
            node.args.insert(0, ast.Constant(bound_to))
            called = called.__func__
        if not is_ours(called):
            return node
        called = inspect.unwrap(called)
        arguments, found = self._bound(called, node), self._found(called)
        if isinstance(found, ast.Lambda) and _may_be_put_in(found, arguments):
            arguments = _defaults(called) | arguments
            return self._fold(called, arguments, wanted).fold(copy.deepcopy(found.body))
        return self._call(called, arguments)

    def _call(self, called, arguments):
        """Returns the call of a function that is written with its known arguments filled in."""
        known = {k: v for k, v in arguments.items() if is_known(v) or _is_count(v)}
        written = self.write(called, known, [k for k in arguments if k not in known])
        given = [arguments.get(p, ast.Name(p, ast.Load())) for p in written.parameters]
        return ast.Call(ast.Name(written.name, ast.Load()), given, [])

    def _bound(self, function, node):
        """Returns parameter to node of a call."""
        named = {item.arg: item.value for item in node.keywords}
        if None in named or any(isinstance(part, ast.Starred) for part in node.args):
            raise self._refusal(f"the call {ast.unparse(self._plain([node], '')[0])}")
        return dict(inspect.signature(function).bind(*node.args, **named).arguments)

    def _plain(self, nodes, role):
        """Returns nodes with every known value as source."""

        source = self

        class Plain(ast.NodeTransformer):
            def visit_Constant(self, node):
                return node if isinstance(node.value, LITERALS) else source._node(node.value, role)

        return [ast.fix_missing_locations(Plain().visit(node)) for node in nodes]

    def _node(self, value, role):
        if isinstance(value, (*LITERALS, complex)):
            return ast.Constant(value)
        if isinstance(value, (tuple, list)):
            kind = ast.Tuple if isinstance(value, tuple) else ast.List
            return kind([self._node(item, role) for item in value], ast.Load())
        if isinstance(value, dict):
            keys, values = ([self._node(v, role) for v in part] for part in (value, value.values()))
            return ast.Dict(keys, values)
        if isinstance(value, np.ndarray) and value.size <= LONGEST_ARRAY:
            self.imports.add("import numpy as np")
            return _expression(f"np.array({value.tolist()!r})")
        if is_ours(getattr(value, "func", value)) or inspect.ismethod(value):
            function: Any = value
            written = self.write(function, given=_all_given(function), role=role)
            return ast.Name(written.name, ast.Load())
        return _expression(self._outside(value))

    def _outside(self, value):
        """Returns the name of an object of NumPy or the standard library."""
        name = getattr(value, "__name__", "")
        if isinstance(value, types.ModuleType) and name.partition(".")[0] in OUTSIDE:
            self.imports.add(f"import {name}")
            return name
        if name and getattr(np, name, None) is value:
            self.imports.add("import numpy as np")
            return f"np.{name}"
        module = getattr(value, "__module__", None) or ""
        held = getattr(sys.modules.get(module), name, None)
        if module.partition(".")[0] in sys.stdlib_module_names and name and held is value:
            if module != "builtins":
                self.imports.add(f"import {module}")
            return name if module == "builtins" else f"{module}.{name}"
        raise self._refusal(f"{name or repr(value)[:60]} of type {type(value).__name__}")

    def _found(self, function):
        node = functions.found(function)
        if node is None:
            raise self._refusal(f"{function.__qualname__}, whose source is not at hand")
        return node

    def _refusal(self, what):
        return SuiteError(
            f"{self._case_name}: its functions cannot be written as a plain script; let them use "
            f"plain values, functions of their own file, NumPy, Keras and the standard library "
            f"only, then export again. Received: {what}"
        )


def _as_node(value):
    return value if isinstance(value, ast.AST) else ast.Constant(value)


def _word(node):
    """Returns a text that identifies a node."""
    return repr(node.value) if is_known(node) else ast.dump(node)


def _defaults(function):
    """Returns parameter to the node of its default."""
    signature = inspect.signature(function).parameters.items()
    return {k: ast.Constant(p.default) for k, p in signature if p.default is not p.empty}


def _all_given(value):
    return list(inspect.signature(value).parameters)


def _parameters(function, known, given):
    """Returns the remaining parameters; a known node that contains a name requires that name."""
    found = []
    for name in inspect.signature(function).parameters:
        parts = ast.walk(known[name]) if name in known else ()
        found += [part.id for part in parts if isinstance(part, ast.Name)]
        found += [name] if name in given else []
    return tuple(dict.fromkeys(found))


def _body(node, known):
    """Returns the statements of a function; known parameters that it reassigns are set first."""
    stored = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and type(n.ctx) is ast.Store]
    again = [name for name in dict.fromkeys(stored) if name in known]
    first = [ast.Assign([ast.Name(k, ast.Store())], known.pop(k), lineno=0) for k in again]
    return [*first, *functions.statements(node)]


def _may_be_put_in(found, arguments):
    """Returns whether a lambda can be inlined: no argument is computed twice."""
    used = [part.id for part in ast.walk(found.body) if isinstance(part, ast.Name)]
    inner = any(isinstance(part, (ast.Lambda, ast.comprehension)) for part in ast.walk(found.body))
    plain = (ast.Name, ast.Constant)
    return not inner and all(
        isinstance(v, plain) or used.count(k) < 2 for k, v in arguments.items()
    )


def _is_count(node):
    """Returns whether a node is the shape of a draw, `(num_samples,)`."""
    return isinstance(node, ast.Tuple) and [ast.unparse(part) for part in node.elts] == [COUNT]


def _expression(text):
    return ast.parse(text, mode="eval").body
