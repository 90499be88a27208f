"""The values that an expression may have, as far as they can be told without running it.

Texts, bytes, numbers and sequences of them; an unknown part of a text is a `HOLE`. Several values
are possible where a name has several, up to a bound.
"""

from __future__ import annotations

import ast
import itertools
import re
import string
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urljoin, urlunsplit

from .addresses import HOLE
from .decoding import DECODERS, codec_decode
from .names import How, Names, Scope, Value

_VALUES: Final = 16
_LENGTH: Final = 8192
_ASSIGNMENTS: Final = 64
_STEPS: Final = 200_000
# A width such as {:>1000000000} would fill the memory.
_WIDE: Final = re.compile(r"\d{4}|\*")

_METHODS: Final = frozenset({
    "format", "join", "replace", "strip", "lstrip", "rstrip", "lower", "upper", "title",
    "capitalize", "swapcase", "casefold", "encode", "decode", "removeprefix", "removesuffix",
    "split", "rsplit", "splitlines", "partition", "rpartition", "substitute",
    "safe_substitute",
})  # fmt: skip
_CODECS: Final = frozenset({"utf-8", "utf8", "ascii", "latin-1", "latin1", "utf-16", "utf-32"})
# What a look-up answers if there is nothing: the last argument.
_WITH_DEFAULT: Final = frozenset({"get", "getenv", "getattr", "setdefault", "pop"})

Values = tuple[Any, ...]


class TooTangledError(Exception):
    """The module has more values than the guard is willing to work out."""


class Folder:
    """Works out the values of the expressions of one module."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[tuple[ast.AST, Scope], Values] = {}
        self._steps = 0
        self._folders: dict[type[ast.AST], Callable[[Any, Scope], Iterable[Any]]] = {
            ast.Constant: lambda node, _: [node.value],
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.JoinedStr: self._joined,
            ast.FormattedValue: self._formatted,
            ast.BinOp: self._operation,
            ast.Call: self._call,
            ast.Subscript: self._subscript,
            ast.Tuple: self._sequence,
            ast.List: self._sequence,
            ast.Set: self._sequence,
            ast.Dict: self._dict,
            ast.GeneratorExp: self._comprehension,
            ast.ListComp: self._comprehension,
            ast.IfExp: lambda node, scope: (
                self.fold(node.body, scope) + self.fold(node.orelse, scope)
            ),
            ast.BoolOp: lambda node, scope: itertools.chain.from_iterable(
                self.fold(value, scope) for value in node.values
            ),
            ast.NamedExpr: lambda node, scope: self.fold(node.value, scope),
            ast.Await: lambda node, scope: self.fold(node.value, scope),
            ast.Starred: lambda node, scope: self.fold(node.value, scope),
            ast.keyword: lambda node, scope: self.fold(node.value, scope),
            ast.UnaryOp: self._unary,
        }

    def fold(self, node: ast.AST, scope: Scope) -> Values:
        """Return the values that `node` may have; none if nothing is known of them.

        Raises:
            TooTangledError: there is more to work out than is reasonable.
        """
        known = self._known.get((node, scope))
        if known is not None:
            return known
        folder = self._folders.get(type(node))
        if folder is None:
            return ()
        self._steps += 1
        if self._steps > _STEPS:
            raise TooTangledError
        self._known[node, scope] = ()  # What is defined by itself has no value.
        values = tuple(itertools.islice(filter(_is_small, folder(node, scope)), _VALUES))
        self._known[node, scope] = values
        return values

    def fold_or_hole(self, node: ast.AST, scope: Scope) -> Values:
        """Return the values of `node`, or a hole."""
        return self.fold(node, scope) or (HOLE,)

    def _all(self, nodes: Iterable[ast.AST], scope: Scope) -> Iterable[tuple[Any, ...]]:
        """Return the combinations of the values of several nodes."""
        each = [self.fold_or_hole(node, scope) for node in nodes]
        return itertools.islice(itertools.product(*each), _VALUES)

    def _named(self, values: Iterable[Value]) -> list[Any]:
        """Return the values of a name: each that it is set to, and what `+=` makes of it."""
        done: list[Any] = []
        current: list[Any] = []
        for value in itertools.islice(values, _ASSIGNMENTS):
            folded: list[Any] = list(self.fold(value.node, value.scope))
            if value.how is How.ADDS:
                pairs = itertools.product(current or [HOLE], folded or [HOLE])
                grown = (_add(left, right) for left, right in pairs)
                current = [one for one in grown if one is not None][:_VALUES]
                continue
            if value.how is How.ONE_OF:
                folded = [one for many in folded if isinstance(many, tuple | str) for one in many]
            done += current
            current = folded
            if len(done) >= _VALUES:
                break
        return done + current

    def _name(self, node: ast.Name, scope: Scope) -> Iterable[Any]:
        return self._named(scope.values_of(node.id))

    def _attribute(self, node: ast.Attribute, _: Scope) -> Iterable[Any]:
        return self._named(self._names.attributes.get(node.attr, ()))

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> Iterable[Any]:
        for parts in self._all(node.values, scope):
            yield "".join(map(_text, parts))

    def _formatted(self, node: ast.FormattedValue, scope: Scope) -> Iterable[Any]:
        plain = node.format_spec is None and node.conversion in (-1, ord("s"))
        return self.fold(node.value, scope) if plain else ()

    def _operation(self, node: ast.BinOp, scope: Scope) -> Iterable[Any]:
        for left, right in self._all((node.left, node.right), scope):
            match node.op:
                case ast.Add():
                    yield _add(left, right)
                case ast.Mod():
                    yield _percent(left, right)
                case ast.Mult() if isinstance(left, str) and isinstance(right, int):
                    yield left * right if len(left) * right <= _LENGTH else None
                case ast.Div() if isinstance(left, str) and isinstance(right, str):
                    yield f"{left}/{right}"
                case _:
                    pass

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Iterable[Any]:
        if isinstance(node.op, ast.USub):
            yield from (-value for value in self.fold(node.operand, scope) if type(value) is int)

    def _sequence(
        self, node: ast.Tuple | ast.List | ast.Set, scope: Scope
    ) -> Iterable[tuple[Any, ...]]:
        return self._all(node.elts, scope)

    def _dict(self, node: ast.Dict, scope: Scope) -> Iterable[Any]:
        pairs = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key]
        known = {}
        for key, value in pairs:
            for name in self.fold(key, scope)[:1]:
                if isinstance(name, str | int):
                    known[name] = self.fold_or_hole(value, scope)[0]
        yield known

    def _comprehension(
        self, node: ast.GeneratorExp | ast.ListComp, scope: Scope
    ) -> Iterable[tuple[Any, ...]]:
        """[f(x) for x in "abc"]: the one loop, without conditions."""
        inner = self._names.scopes[node]
        loop = node.generators[0]
        if len(node.generators) > 1 or loop.ifs or not isinstance(loop.target, ast.Name):
            return
        for each in self.fold(loop.iter, scope):
            if not isinstance(each, tuple | str | bytes) or len(each) > 256:
                continue
            made: list[Any] = []
            for one in each:
                step = Scope(inner.parent)
                step.values[loop.target.id] = [Value(How.IS, ast.Constant(one), step)]
                made += self.fold_or_hole(node.elt, step)[:1]
            yield tuple(made)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Iterable[Any]:
        match node.slice:
            case ast.Slice(lower=lower, upper=upper, step=step):
                ends = [self.fold(end, scope)[:1] if end else () for end in (lower, upper, step)]
                wheres: Values = (slice(*(end[0] if end else None for end in ends)),)
            case index:
                wheres = self.fold(index, scope)
        for value, where in itertools.product(self.fold(node.value, scope), wheres):
            try:
                yield value[where]
            except (TypeError, LookupError, ValueError):
                continue

    def _call(self, node: ast.Call, scope: Scope) -> Iterable[Any]:
        match node.func:
            case ast.Attribute(value=of, attr=name):
                yield from self._method(of, name, node, scope)
            case ast.Name(id=name):
                pass
            case _:
                return
        yield from self._named(self._names.returns.get(name, ()))
        if name in _WITH_DEFAULT and len(node.args) > 1:
            yield from self.fold(node.args[-1], scope)
        arguments = self._all(node.args, scope)
        match name:
            case "str" | "URL" | "Path" | "list" | "tuple" | "quote" | "Request" | "Template":
                yield from (values[0] for values in arguments if values)
            case "map" if len(node.args) == 2:
                yield from self._map(node.args[0], node.args[1], scope)
            case "join" if len(node.args) > 1:  # of os.path: that of a text takes one argument
                yield from ("/".join(map(_text, values)) for values in arguments)
            case "urljoin" if len(node.args) > 1:
                yield from (urljoin(_text(values[0]), _text(values[1])) for values in arguments)
            case "urlunsplit" | "urlunparse":
                yield from (_unsplit(values[0]) for values in arguments if values)
            case "decode" if len(node.args) > 1:
                yield from (_attempt(codec_decode, values) for values in arguments)
            case _ if name in DECODERS:
                for values in arguments:
                    yield _attempt(DECODERS[name], values)

    def _map(self, function: ast.expr, over: ast.expr, scope: Scope) -> Iterable[Any]:
        name = function.id if isinstance(function, ast.Name) else ""
        for many in self.fold(over, scope):
            if isinstance(many, tuple | bytes) and name in DECODERS and len(many) <= 256:
                yield tuple(_attempt(DECODERS[name], (one,)) or HOLE for one in many)
            elif isinstance(many, tuple) and name == "str":
                yield tuple(map(_text, many))

    def _method(self, of: ast.expr, name: str, node: ast.Call, scope: Scope) -> Iterable[Any]:
        if name not in _METHODS:
            return
        keywords = [keyword.arg for keyword in node.keywords]
        parts = [of, *node.args, *(keyword.value for keyword in node.keywords)]
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            parts, keywords = self._spread(of, node, scope), []
            if not parts:
                return
        for value, *arguments in self._all(parts, scope):
            plain = arguments[: len(arguments) - len(keywords)]
            named = dict(zip(keywords, arguments[len(plain) :], strict=True))
            more = named.pop(None, {})  # **{"name": "stripe"}
            if isinstance(more, dict):
                yield _apply(value, name, plain, named | more)

    def _spread(self, of: ast.expr, node: ast.Call, scope: Scope) -> list[ast.expr]:
        """Return the object and the arguments of f(*("a", "b")), one by one."""
        parts = [of]
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                many = next(iter(self.fold(argument.value, scope)), ())
                parts += [ast.Constant(one) for one in many] if isinstance(many, tuple) else []
            else:
                parts.append(argument)
        return [] if node.keywords else parts


def _is_small(value: Any) -> bool:
    if isinstance(value, str | bytes | tuple | dict):
        return len(value) <= _LENGTH
    return isinstance(value, int)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if type(value) is int else HOLE


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return _text(left) + _text(right)
    if type(left) is type(right) and isinstance(left, bytes | tuple | int):
        return left + right
    return None


def _percent(template: Any, values: Any) -> Any:
    if not isinstance(template, str) or _WIDE.search(template):
        return None
    values = values if isinstance(values, tuple | dict) else (values,)
    return _attempt(lambda: template % values, ())


def _unsplit(parts: Any) -> str | None:
    if not isinstance(parts, tuple) or len(parts) < 3:
        return None
    scheme, host, path = map(_text, parts[:3])
    return urlunsplit((scheme, host, path, "", ""))


def _apply(value: Any, name: str, plain: list[Any], named: dict[Any, Any]) -> Any:
    """Return what a method of a text or bytes gives; None where it would fail."""
    if not isinstance(value, str | bytes):
        return None
    if name == "format" and _WIDE.search(str(value)):
        return None
    if name == "join" and isinstance(value, str):
        plain = [map(_text, many) if isinstance(many, tuple) else many for many in plain]
    if name in {"encode", "decode"} and not _CODECS.issuperset(map(str.lower, map(str, plain))):
        return None
    owner: Any = string.Template(str(value)) if name.endswith("substitute") else value
    made = _attempt(lambda: getattr(owner, name)(*plain, **named), ())
    return tuple(made) if isinstance(made, list) else made


def _attempt(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*arguments)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, MemoryError):
        return None
