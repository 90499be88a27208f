"""Python source: imports of the SDK, Stripe's addresses, and keys that are put together.

All of it is read from the syntax tree; nothing is imported or run. It finds what is written down:
whoever means to hide something from it can.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from .addresses import HOLE, stripe_address
from .findings import Finding, subject
from .keys import find_keys
from .shell import find_commands
from .texts import Names, pieces

_SDK: Final = "stripe"
_OURS: Final = "stripe_billing_router."
# An application's own `providers.stripe` is no copy of the SDK.
_VENDORED: Final = re.compile(r"(?:^|\.)_?(?:vendor|vendored|third_party|extern)\.stripe(?:\.|$)")
_FILE: Final = re.compile(r"(?:^|[/\\])stripe[/\\]__init__\.pyc?$")
# Functions that load the module which a text names, by their last name.
_IMPORTERS: Final = frozenset({
    "__import__", "import_module", "import_string", "import_object", "import_from_string",
    "importorskip", "find_spec", "find_module", "load_module", "find_loader", "get_loader",
    "resolve_name", "run_module", "spec_from_file_location", "lazy_import", "LazyImport",
    "LazyModule", "lazy_load", "SourceFileLoader", "run_path",
})  # fmt: skip
_LOADED: Final = frozenset({"sys.modules.get", "sys.modules.pop"})
# They reach into the module that their first text names: patch("stripe.Charge.create").
_REACHERS: Final = frozenset({"patch", "setattr", "locate"})
_RUNNERS: Final = frozenset({"exec", "eval", "compile"})
_SHELLS: Final = frozenset({
    "run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput",
    "system", "popen", "spawn", "create_subprocess_exec", "create_subprocess_shell",
    "execv", "execvp", "execl", "execlp", "spawnlp", "spawnvp", "posix_spawn",
})  # fmt: skip

_JOINED: Final = frozenset({ast.BinOp, ast.JoinedStr})
_LOOKED_AT: Final = _JOINED | {
    ast.Constant, ast.Call, ast.Subscript, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign,
    ast.NamedExpr,
}  # fmt: skip


class UnparsableError(Exception):
    """The text says what is wrong, and holds nothing of the source."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        super().__init__(why)


def parse(source: bytes | str) -> ast.Module:
    """Return the syntax tree of `source`.

    Raises:
        UnparsableError: it is not Python as this interpreter reads it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise UnparsableError(error.lineno or 1, error.msg) from None
    except (RecursionError, MemoryError):
        raise UnparsableError(1, "it is nested too deeply") from None
    except (ValueError, LookupError):
        raise UnparsableError(1, "it holds zero bytes or is in an unknown encoding") from None


def scan_python(
    tree: ast.Module, path: str, *, known_keys: Iterable[bytes] = (), is_text: bool = False
) -> list[Finding]:
    """Return what is found in a module. `known_keys` were found in its text already.

    A module that `is_text` is run by an `exec`; of those that it runs itself none is looked at.

    Raises:
        UnparsableError: it is too deep to be looked through.
    """
    nodes = list(_nodes(tree))
    scanner = _Scanner(Names(nodes), path, set(known_keys), is_text=is_text)
    try:
        for node in nodes:
            scanner.look_at(node)
    except RecursionError:
        raise UnparsableError(1, "it is nested too deeply to be looked through") from None
    return scanner.found


def _nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield each node but docstrings; of a text that is joined the whole and the pieces."""
    todo: deque[ast.AST] = deque([tree])
    while todo:
        node = todo.popleft()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if type(node) in _LOOKED_AT:
            yield node
        parts = list(pieces(node)) if type(node) in _JOINED else [node]
        todo += ast.iter_child_nodes(node) if parts == [node] else parts


def _names_sdk(text: str) -> bool:
    """Say whether `text` names the SDK as a module, or a copy of it as a module or a file."""
    plain = text == _SDK or text.startswith((f"{_SDK}.", f"{_SDK}:"))
    return plain or any(pattern.search(text) for pattern in (_VENDORED, _FILE))


class _Scanner:
    def __init__(self, names: Names, path: str, keys: set[bytes], *, is_text: bool) -> None:
        self.found: list[Finding] = []
        self._names = names
        self._path = path
        self._keys = keys
        self._is_text = is_text

    def look_at(self, node: ast.AST) -> None:
        match node:
            case ast.Constant() | ast.BinOp() | ast.JoinedStr():
                self._text(node)
            case ast.Call():
                self._call(node)
            case ast.Import(names=names):
                for alias in names:
                    self._check_import(node, alias.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                module = "." * level + (module or "")
                if _names_sdk(module) or all(alias.name != _SDK for alias in names):
                    self._check_import(node, module)
                else:
                    self._check_import(node, f"{module}.{_SDK}")
            case ast.Subscript(value=of, slice=index):
                if self._names.called(of) == "sys.modules" and self._is_sdk(index):
                    self._add(node, "import-stripe", "takes the Stripe SDK from sys.modules")
            case _:
                pass

    def _text(self, node: ast.AST) -> None:
        texts = self._names.texts(node)
        host = _host(texts)
        parts = [] if isinstance(node, ast.Constant) else pieces(node)
        # A piece that names the address by itself is reported where it is written.
        if host and not any(_host(self._names.texts(part)) for part in parts):
            self._add(node, "http-stripe", f"names {host}, which is Stripe's API")
        for text in texts:
            for key in find_keys(text.encode("utf-8", "surrogatepass")):
                if key.value not in self._keys:
                    self._keys.add(key.value)
                    message = f"puts together the Stripe key {key.shown}"
                    self._add(node, key.rule, message, of=key.value)

    def _check_import(self, node: ast.AST, module: str) -> None:
        through_us = module.startswith(_OURS) and module.endswith(f".{_SDK}")
        if _names_sdk(module) or through_us:
            self._add(node, "import-stripe", f"imports {module}")

    def _call(self, node: ast.Call) -> None:
        name = self._names.called(node.func)
        last = name.rpartition(".")[2]
        if last in _IMPORTERS or name in _LOADED:
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(map(self._is_sdk, arguments)):
                self._add(node, "import-stripe", f"loads the Stripe SDK by {name.lstrip('.')}")
        elif last in _REACHERS:
            if any(text.startswith(f"{_SDK}.") for text in self._first_texts(node)):
                self._add(node, "import-stripe", f"reaches into the Stripe SDK by {last}")
        elif name.removeprefix("builtins.") in _RUNNERS:
            self._run_text(node)
        elif last in _SHELLS:
            self._run_command(node)

    def _is_sdk(self, node: ast.AST) -> bool:
        return any(map(_names_sdk, self._names.texts(node)))

    def _first_texts(self, node: ast.Call) -> tuple[str, ...]:
        return self._names.texts(node.args[0]) if node.args else ()

    def _run_text(self, node: ast.Call) -> None:
        for code in () if self._is_text else self._first_texts(node):
            try:
                tree = parse(textwrap.dedent(code.replace(HOLE, "_")).strip())
                inner = scan_python(tree, self._path, is_text=True)
            except UnparsableError:
                continue
            for finding in inner:
                if finding.rule == "import-stripe":
                    self._add(node, finding.rule, f"runs a text that {finding.message}")

    def _run_command(self, node: ast.Call) -> None:
        words: list[str] = []
        for argument in node.args:
            parts = argument.elts if isinstance(argument, ast.List | ast.Tuple) else [argument]
            for part in parts:
                words += self._names.texts(part) or [HOLE]
        for command in (" ".join(words), *words):
            # An address is found by itself, as any other text.
            for found in find_commands(command):
                if found.rule != "shell-stripe" or stripe_address(command) is None:
                    self._add(node, found.rule, f"starts a program: {found.message}")
                    return

    def _add(self, node: ast.AST, rule: str, message: str, of: bytes | None = None) -> None:
        line: int = getattr(node, "lineno", 1)
        column: int = getattr(node, "col_offset", 0) + 1
        about = subject(message if of is None else of)
        finding = Finding(self._path, line, column, rule, message, about)
        if finding not in self.found:
            self.found.append(finding)


def _host(texts: Iterable[str]) -> str | None:
    return next(filter(None, map(stripe_address, texts)), None)
