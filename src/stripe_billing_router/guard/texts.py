"""The texts of a Python module: what its expressions say, and what its names are.

Literals count, joined side by side, by `+` or in f-strings, and the names that are assigned such
texts anywhere in the file. Nothing is called or computed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain, islice, product
from typing import Final

from .addresses import HOLE

# A file may double a text again and again: how many texts one may be, and how long they get.
_VALUES: Final = 16
_LENGTH: Final = 8192


def pieces(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what `+` and f-strings join, from left to right; anything else is one piece."""
    todo = [node]
    while todo:
        match todo.pop():
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                todo += (right, left)
            case ast.JoinedStr(values=values):
                todo += reversed(values)
            case ast.FormattedValue(value=value):
                todo.append(value)
            case piece:
                yield piece


class Names:
    """What a module assigns and imports, by name alone: not where, and not in which order."""

    def __init__(self, nodes: list[ast.AST]) -> None:
        self._values: dict[str, list[ast.expr]] = {}
        self._origins: dict[str, str] = {}
        self._known: dict[str, tuple[str, ...]] = {}
        for node in nodes:
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                names = [name]
            case ast.Import(names=aliases):
                self._origins |= {each.asname: each.name for each in aliases if each.asname}
                return
            case ast.ImportFrom(module=str(module), names=aliases, level=0):
                for each in aliases:
                    self._origins[each.asname or each.name] = f"{module}.{each.name}"
                return
            case _:
                return
        for name in names:
            self._values.setdefault(name, []).append(value)

    def texts(self, node: ast.AST) -> tuple[str, ...]:
        """Return the texts that an expression may be, a `HOLE` in them for what is not known."""
        match node:
            case ast.Constant(value=str(text)):
                return (text,)
            case ast.Constant(value=bytes(data)):
                return (data.decode("utf-8", "replace"),)
            case ast.Name(id=name):
                if name not in self._known:
                    self._known[name] = ()  # A name is not known within its own value.
                    texts = chain.from_iterable(map(self.texts, self._values.get(name, ())))
                    self._known[name] = tuple(islice(texts, _VALUES))
                return self._known[name]
            case ast.JoinedStr() | ast.BinOp(op=ast.Add()):
                known = [self.texts(piece) for piece in pieces(node)]
                ways = islice(product(*(each or (HOLE,) for each in known)), _VALUES)
                return tuple("".join(way) for way in ways if sum(map(len, way)) <= _LENGTH)
            case _:
                return ()

    def called(self, node: ast.AST) -> str:
        """Return the full name of a function or module, such as `importlib.import_module`."""
        match node:
            case ast.Name(id=name):
                if name not in self._origins:
                    self._origins[name] = name  # It stays so unless another name is assigned to it.
                    others = filter(None, map(self.called, self._values.get(name, ())))
                    self._origins[name] = next(others, name)
                return self._origins[name]
            case ast.Attribute(value=of, attr=name):
                return f"{self.called(of)}.{name}"
            case _:
                return ""
