"""Python source: imports of the SDK by any route, Stripe's addresses, keys put together.

All of it is read from the syntax tree; nothing is imported or run.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .addresses import HOLE, stripe_address
from .findings import Finding, subject
from .folding import Folder, TooTangledError
from .keys import find_keys
from .modules import SDK, is_sdk_file, names_sdk
from .names import Names, Scope, children
from .shell import find_commands

# Functions that load the module which a text names, by their last name.
_IMPORTERS: Final = frozenset({
    "__import__", "import_module", "import_string", "import_object", "import_from_string",
    "importorskip", "find_spec", "find_module", "load_module", "find_loader", "get_loader",
    "resolve_name", "run_module", "spec_from_file_location", "lazy_import", "LazyImport",
    "LazyModule", "lazy_load", "reload", "SourceFileLoader", "run_path",
})  # fmt: skip
# They reach into the module that a dotted text names.
_REACHERS: Final = frozenset({"patch", "setattr", "locate"})
_RUNNERS: Final = frozenset({"exec", "eval", "compile", "execfile"})
_SHELLS: Final = frozenset({
    "run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput",
    "system", "popen", "spawn", "create_subprocess_exec", "create_subprocess_shell",
    "execv", "execvp", "execl", "execlp", "spawnlp", "spawnvp", "posix_spawn",
})  # fmt: skip
_OURS: Final = "stripe_billing_router"
_DEEPEST_TEXT: Final = 3
_LOOKED_AT: Final = (ast.Import, ast.ImportFrom, ast.AugAssign, ast.Call, ast.Subscript)
_CHECKED: Final = (
    ast.Constant, ast.BinOp, ast.JoinedStr, ast.Call, ast.Subscript, ast.Dict,
)  # fmt: skip

# What must stand in a file, in small letters, for any rule to find something; see `can_matter`.
_WORDS: Final = (
    # dynamic import
    *(
        b"importlib",
        b"__import__",
        b"import_module",
        b"import_string",
        b"importorskip",
        b"find_spec",
        b"runpy",
        b"pkgutil",
    ),
    *(b"resolve_name", b"load_module", b"find_module", b"sys.modules", b"builtins", b"exec("),
    *(b"eval(", b"from sys import"),
    # texts that do not look like what they are
    *(b"b64decode", b"fromhex", b"unhexlify", b"rot13", b"rot_13", b"\\n{"),
    # whatever may open a connection or start a program
    *(b"requests", b"httpx", b"aiohttp", b"urllib", b"urlopen", b"http.client", b"httplib"),
    *(
        b"pycurl",
        b"socket",
        b"subprocess",
        b"popen",
        b"system(",
        b"import treq",
        b"import_object",
        b"import_from_string",
        b"lazy_import",
        b"lazyimport",
        b"niquests",
        b"spawn",
    ),
    *(b"create_connection", b"open_connection", b"httpconnection", b"httpsconnection"),
)
# Forwards and backwards.
_LETTERS: Final = (
    *(b"stripe", b"epirts", b"whsec", b"ceshw"),
    *(b"sklive", b"sktest", b"skorg", b"rklive", b"rktest", b"pklive", b"pktest"),
    *(b"evilks", b"tsetks", b"grok", b"evilkr", b"tsetkr", b"evilkp", b"tsetkp"),
)
_PIECES: Final = re.compile(rb"\b(?:[srp]k_|whsec)[\"'{%]")
_ESCAPES: Final = re.compile(rb"\\(?:x[4-7][0-9a-fA-F]|u00[4-7]|1[0-7][0-7])")
_NOT_LETTERS: Final = bytes(each for each in range(128) if not chr(each).isalpha())
_ODD_IMPORT: Final = re.compile(rb"import[^\n]*[\x80-\xff]|from[^\n]*[\x80-\xff]")
_ENCODING: Final = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
_PLAIN: Final = re.compile(
    rb"(?i)utf-?8(?:-sig)?|ascii|latin-?1|iso-8859-\d+|cp125\d|windows-125\d"
)


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
    except (ValueError, RecursionError, MemoryError, LookupError) as error:
        raise UnparsableError(1, _why(error)) from None


def _why(error: Exception) -> str:
    match error:
        case RecursionError() | MemoryError():
            return "it is nested too deeply"
        case ValueError():
            return "it holds zero bytes or is in another encoding"
        case _:
            return "it names an encoding that is not known"


def can_matter(source: bytes) -> bool:
    """Say whether the tree of a file is worth a walk, which takes longer than to parse it.

    It is where "stripe" or the prefix of a key stands, whatever punctuation is in between; where
    modules are loaded by name, code is run from text, connections opened or programs started; and
    where the bytes are not what they seem.
    """
    small = source.lower()
    letters = small.translate(None, _NOT_LETTERS)
    encoding = _ENCODING.match(source)
    return (
        any(word in letters for word in _LETTERS)
        or any(word in small for word in _WORDS)
        or (b"k_" in small and _PIECES.search(source) is not None)
        or (b"\\" in source and _ESCAPES.search(source) is not None)
        or (not source.isascii() and _ODD_IMPORT.search(source) is not None)
        or (encoding is not None and not _PLAIN.fullmatch(encoding[1]))
    )


def scan_python(
    tree: ast.Module, path: str, *, known_keys: Iterable[bytes] = (), depth: int = 0
) -> list[Finding]:
    """Return what is found in a module. `known_keys` were found in its text already.

    Raises:
        UnparsableError: it is too deep or too tangled to be looked through.
    """
    scanner = _Scanner(tree, path, set(known_keys), depth)
    try:
        scanner.visit(tree, scanner.names.module)
    except RecursionError:
        raise UnparsableError(1, "it is nested too deeply to be looked through") from None
    except TooTangledError:
        raise UnparsableError(1, "its texts are too tangled to be worked out") from None
    return scanner.found


class _Scanner:
    def __init__(self, tree: ast.Module, path: str, keys: set[bytes], depth: int) -> None:
        self.names = Names(tree)
        self.found: list[Finding] = []
        self._folder = Folder(self.names)
        self._path = path
        self._keys = keys
        self._depth = depth
        self._grown: set[str] = set()
        self._called: dict[tuple[ast.AST, Scope], str] = {}

    def visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # A docstring, or a text that nobody uses.
        # The parts first: what they may be is known then, however deep they are nested.
        inner = self.names.scopes.get(node, scope)
        for child in children(node):
            if not isinstance(child, ast.Name):
                self.visit(child, inner)
        if isinstance(node, _LOOKED_AT):
            self._look_at(node, scope)
        if isinstance(node, _CHECKED):
            self._check_text(node, scope)

    def _look_at(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    self._imported(node, alias.name)
            case ast.ImportFrom(names=names, level=level):
                module = "." * level + (node.module or "")
                self._imported(node, module)
                if any(alias.name == SDK for alias in names):
                    self._taken(node, module)
            case ast.AugAssign(target=ast.Name() as target):
                self._check_grown(node, target, scope)
            case ast.Call():
                self._call(node, scope)
            case ast.Subscript(value=of, slice=index):
                if self._dotted(of, scope).endswith("sys.modules") and self._is_sdk(index, scope):
                    self._add(node, "import-stripe", "takes the Stripe SDK from sys.modules")
            case _:
                pass

    # --- imports ----------------------------------------------------------------------------------

    def _imported(self, node: ast.AST, module: str) -> None:
        if names_sdk(module):
            self._add(node, "import-stripe", f"imports {module}")

    def _taken(self, node: ast.AST, module: str) -> None:
        """Look at `from module import stripe`."""
        if module.partition(".")[0] == _OURS:
            self._add(node, "import-stripe", f"takes the Stripe SDK from {module}")
        elif not names_sdk(module):
            self._imported(node, f"{module}.{SDK}")

    def _call(self, node: ast.Call, scope: Scope) -> None:
        name = self._dotted(node.func, scope)
        last = name.rpartition(".")[2]
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        # The function may be handed on: map(__import__, …), partial(import_module, …).
        handed = {self._dotted(argument, scope).rpartition(".")[2] for argument in node.args[:1]}
        if last in _IMPORTERS or handed & _IMPORTERS:
            if any(self._is_sdk(argument, scope) for argument in arguments):
                self._add(node, "import-stripe", f"loads the Stripe SDK by {last}")
        elif last in _REACHERS:
            if any(self._reaches_sdk(argument, scope) for argument in node.args[:1]):
                self._add(node, "import-stripe", f"reaches into the Stripe SDK by {last}")
        elif name.endswith(("sys.modules.get", "sys.modules.pop", "sys.modules.__getitem__")):
            if self._is_sdk(node.args[0], scope) if node.args else False:
                self._add(node, "import-stripe", "takes the Stripe SDK from sys.modules")
        elif last in _RUNNERS and name in (last, f"builtins.{last}"):
            self._run_text(node, arguments, scope)
        elif last in _SHELLS:
            self._run_command(node, scope)

    def _dotted(self, node: ast.AST, scope: Scope) -> str:
        """Return what a function or module is called in full: `importlib.import_module`, or ""."""
        known = self._called.get((node, scope))
        if known is None:
            self._called[node, scope] = ""  # What is defined by itself has no name.
            known = self._called[node, scope] = self._work_out_name(node, scope)
        return known

    def _work_out_name(self, node: ast.AST, scope: Scope) -> str:
        match node:
            case ast.Name(id=name):
                origin = scope.origin_of(name)
                if origin is not None:
                    return origin
                dotted = (self._dotted(each.node, each.scope) for each in scope.values_of(name))
                return next((other for other in dotted if other and other != name), name)
            case ast.Attribute(value=of, attr=name):
                return f"{self._dotted(of, scope)}.{name}"
            case ast.Subscript(value=of, slice=index):
                return self._looked_up(of, index, scope)
            case ast.Call(func=function, args=arguments):
                name = self._dotted(function, scope).rpartition(".")[2]
                if isinstance(function, ast.Call) and name == "attrgetter":
                    arguments = [*arguments, *function.args]
                if name in {"getattr", "attrgetter"} and len(arguments) > 1:
                    return self._looked_up(arguments[0], arguments[1], scope)
                if name in _IMPORTERS and arguments:
                    return next(map(str, self._texts(arguments[0], scope)), "")
                return name if name in {"vars", "globals", "locals", "attrgetter"} else ""
            case _:
                return ""

    def _looked_up(self, of: ast.AST, index: ast.AST, scope: Scope) -> str:
        """Return the name of module["name"], vars(module)["name"] and getattr(module, "name")."""
        name = next(iter(self._texts(index, scope)), "")
        return f"{self._dotted(of, scope)}.{name}" if name else ""

    def _texts(self, node: ast.AST, scope: Scope) -> Iterator[str]:
        for value in self._folder.fold(node, scope):
            # **{"name": "stripe"}
            yield from _texts_in(tuple(value.values()) if isinstance(value, dict) else value)

    def _is_sdk(self, node: ast.AST, scope: Scope) -> bool:
        return any(names_sdk(text) or is_sdk_file(text) for text in self._texts(node, scope))

    def _reaches_sdk(self, node: ast.AST, scope: Scope) -> bool:
        return any(text.startswith(f"{SDK}.") for text in self._texts(node, scope))

    # --- code and commands in texts ---------------------------------------------------------------

    def _run_text(self, node: ast.Call, arguments: list[ast.expr], scope: Scope) -> None:
        if self._depth >= _DEEPEST_TEXT:
            return
        for code in {text for argument in arguments for text in self._texts(argument, scope)}:
            try:
                tree = parse(textwrap.dedent(code.replace(HOLE, "_")).strip())
                inner = scan_python(tree, self._path, known_keys=self._keys, depth=self._depth + 1)
            except UnparsableError:
                continue
            for finding in inner:
                if finding.rule == "import-stripe":
                    self._add(node, finding.rule, f"runs a text that {finding.message}")

    def _run_command(self, node: ast.Call, scope: Scope) -> None:
        words = [text for argument in node.args for text in self._texts(argument, scope)]
        for command in {" ".join(words), *words}:
            # An address is found by itself, as any other text.
            for found in find_commands(command):
                if found.rule != "shell-stripe" or stripe_address(command) is None:
                    self._add(node, found.rule, f"starts a program: {found.message}")
                    return

    # --- texts ------------------------------------------------------------------------------------

    def _check_text(self, node: ast.expr, scope: Scope) -> None:
        values = self._folder.fold(node, scope)
        if not values:
            return
        host = _host_in(values)
        if host is not None and not self._is_below(node, scope):
            self._add(node, "http-stripe", f"names {host}, which is Stripe's API")
        self._check_keys(node, values)

    def _check_grown(self, node: ast.AugAssign, target: ast.Name, scope: Scope) -> None:
        """Look at a text that is put together by `+=`, once for each name."""
        values = self._folder.fold(target, scope)
        host = _host_in(values)
        parts = (value.node for value in scope.values_of(target.id))
        if host is not None and target.id not in self._grown:
            if not any(_host_in(self._folder.fold(part, scope)) for part in parts):
                self._add(node, "http-stripe", f"names {host}, which is Stripe's API")
            self._grown.add(target.id)
        self._check_keys(node, values)

    def _check_keys(self, node: ast.AST, values: Iterable[Any]) -> None:
        for text in map(_as_bytes, values):
            for key in find_keys(text):
                if key.value not in self._keys:
                    self._keys.add(key.value)
                    message = f"puts together the Stripe key {key.shown}"
                    self._add(node, key.rule, message, of=key.value)

    def _is_below(self, node: ast.expr, scope: Scope) -> bool:
        """Say whether a part of `node` names the address by itself: it is reported where it is."""
        inner = self.names.scopes.get(node, scope)
        return any(
            _host_in(self._folder.fold(child, inner)) is not None for child in children(node)
        )

    def _add(self, node: ast.AST, rule: str, message: str, of: bytes | None = None) -> None:
        line: int = getattr(node, "lineno", 1)
        column: int = getattr(node, "col_offset", 0) + 1
        about = subject(message if of is None else of)
        finding = Finding(self._path, line, column, rule, message, about)
        if finding not in self.found:
            self.found.append(finding)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, tuple):
        for one in value:
            yield from _texts_in(one)


def _host_in(values: Iterable[Any]) -> str | None:
    for value in values:
        for text in _texts_in(value):
            host = stripe_address(text)
            if host is not None:
                return host
    return None


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else b""
