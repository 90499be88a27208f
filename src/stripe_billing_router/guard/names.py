"""What the names of a Python module may stand for: gathered from its syntax tree, in one pass.

It asks who may be assigned what, not when: a name with two values has both.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


_SCOPES: Final = (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)
_BINDING: Final = (
    ast.Call, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign, ast.For, ast.AsyncFor,
    ast.comprehension, ast.Match, ast.Return, ast.Global, ast.Import, ast.ImportFrom,
)  # fmt: skip
# They say how a name is used or which operator stands there: nothing that could be looked into.
_PLAIN_FIELDS: Final = frozenset({"ctx", "op", "ops", "kind", "type_comment", "type_ignores"})
_FIELDS: Final[dict[type[ast.AST], tuple[str, ...]]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node, as `ast.iter_child_nodes` does, in half its time."""
    fields = _FIELDS.get(type(node))
    if fields is None:
        fields = tuple(name for name in node._fields if name not in _PLAIN_FIELDS)
        _FIELDS[type(node)] = fields
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [each for each in value if isinstance(each, ast.AST)]
    return found


class How(Enum):
    """How a name gets a value from an expression."""

    IS = "is"
    ADDS = "adds"  # x += …
    ONE_OF = "one of"  # for x in …


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An expression that a name may stand for, and the scope in which it is written."""

    how: How
    node: ast.expr
    scope: Scope


@dataclass(slots=True, eq=False)
class Scope:
    """A module, class or function: what is bound in it."""

    parent: Scope | None
    is_class: bool = False
    values: dict[str, list[Value]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)  # imported name -> dotted origin

    def values_of(self, name: str) -> list[Value]:
        """Return what a name may stand for here: the innermost scope that binds it decides."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.parent
        return []

    def origin_of(self, name: str) -> str | None:
        """Return where an imported name comes from."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.origins:
                return scope.origins[name]
            scope = scope.parent
        return None


class Names:
    """The scopes of a module; `attributes` are those of any object, by name alone."""

    def __init__(self, tree: ast.AST) -> None:
        self.module = Scope(None)
        self.attributes: dict[str, list[Value]] = {}
        self.returns: dict[str, list[Value]] = {}
        self.scopes: dict[ast.AST, Scope] = {tree: self.module}
        # A lambda that is called where it stands has itself for a name.
        self._functions: dict[str | ast.Lambda, list[FunctionNode]] = {}
        self._calls: list[tuple[str | ast.Lambda, ast.Call, Scope]] = []
        self._gather(tree, self.module, None)
        for name, call, scope in self._calls:
            for function in self._functions.get(name, ()):
                self._pass_arguments(function, call, scope)

    def _gather(self, tree: ast.AST, scope: Scope, function: str | None) -> None:
        """Walk without recursion: generated modules nest deeper than the interpreter's stack."""
        todo: list[tuple[ast.AST, Scope, str | None]] = [(tree, scope, function)]
        while todo:
            node, scope, function = todo.pop()
            if isinstance(node, _BINDING):
                self._note(node, scope, function)
            inner = scope
            if isinstance(node, _SCOPES):
                inner = self.scopes[node] = Scope(scope, isinstance(node, ast.ClassDef))
            if isinstance(node, _FUNCTIONS):
                function = self._enter(node, inner, scope)
            # Reversed, so that what stands first is looked at first: `+=` has an order.
            todo += [(child, inner, function) for child in reversed(children(node))]

    def _enter(self, node: FunctionNode, inner: Scope, outer: Scope) -> str:
        name = "" if isinstance(node, ast.Lambda) else node.name
        if isinstance(node, ast.Lambda):
            self.returns.setdefault("", [])
            self._functions[node] = [node]
        else:
            self._functions.setdefault(name, []).append(node)
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        for argument in (*positional, *arguments.kwonlyargs):
            inner.values.setdefault(argument.arg, [])
        with_default = positional[len(positional) - len(arguments.defaults) :]
        for argument, default in zip(with_default, arguments.defaults, strict=True):
            inner.values[argument.arg].append(Value(How.IS, default, outer))
        for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if given is not None:
                inner.values[argument.arg].append(Value(How.IS, given, outer))
        return name

    def _note(self, node: ast.AST, scope: Scope, function: str | None) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, Value(How.IS, value, scope), scope)
            case (
                ast.AnnAssign(target=target, value=ast.expr() as value)
                | ast.NamedExpr(target=target, value=value)
            ):
                self._bind(target, Value(How.IS, value, scope), scope)
            case ast.AugAssign(target=target, op=ast.Add(), value=value):
                self._bind(target, Value(How.ADDS, value, scope), scope)
            case (
                ast.For(target=target, iter=each)
                | ast.AsyncFor(target=target, iter=each)
                | ast.comprehension(target=target, iter=each)
            ):
                self._bind(target, Value(How.ONE_OF, each, scope), scope)
            case ast.Return(value=ast.expr() as value) if function:
                self.returns.setdefault(function, []).append(Value(How.IS, value, scope))
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called) | (ast.Lambda() as called)
            ):
                self._calls.append((called, node, scope))
            case ast.Global(names=names):
                module = self.module.values
                scope.values.update({name: module.setdefault(name, []) for name in names})
            case ast.Match():
                self._bind_cases(node, scope)
            case ast.Import() | ast.ImportFrom(level=0):
                _note_import(node, scope)
            case _:
                pass

    def _bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        match target:
            case ast.Name(id=name):
                scope.values.setdefault(name, []).append(value)
                if isinstance(value.node, ast.Lambda):
                    self._functions.setdefault(name, []).append(value.node)
                if scope.is_class:
                    self.attributes.setdefault(name, []).append(value)
            case ast.Attribute(attr=name):
                self.attributes.setdefault(name, []).append(value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self._unpack(targets, value, scope)
            case _:
                pass

    def _bind_cases(self, node: ast.Match, scope: Scope) -> None:
        """Bind the names of `case name` and `case "text" as name`."""
        for case in node.cases:
            match case.pattern:
                case ast.MatchAs(name=str(name), pattern=ast.MatchValue(value=value)):
                    self._bind(ast.Name(name), Value(How.IS, value, scope), scope)
                case ast.MatchAs(name=str(name)):
                    self._bind(ast.Name(name), Value(How.IS, node.subject, scope), scope)
                case _:
                    pass

    def _unpack(self, targets: list[ast.expr], value: Value, scope: Scope) -> None:
        match value:
            case Value(how=How.IS, node=ast.Tuple(elts=nodes) | ast.List(elts=nodes)):
                for target, node in zip(targets, nodes, strict=False):
                    self._bind(target, Value(How.IS, node, scope), scope)
            case _:
                pass

    def _pass_arguments(self, function: FunctionNode, call: ast.Call, scope: Scope) -> None:
        inner = self.scopes[function]
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        if names[:1] in (["self"], ["cls"]):
            names = names[1:]
        for name, node in zip(names, call.args, strict=False):
            inner.values[name].append(Value(How.IS, node, scope))
        for keyword in call.keywords:
            if keyword.arg in inner.values:
                inner.values[keyword.arg].append(Value(How.IS, keyword.value, scope))


def _note_import(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            scope.origins[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif alias.asname:
            scope.origins[alias.asname] = alias.name
        else:
            top = alias.name.partition(".")[0]
            scope.origins[top] = top
