"""Style as an executable test: who may import whom, how long things may be, what stays away.

Where a rule is in the way, change the rule here, with a sentence that says why.
"""

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "stripe_billing_router"
SRC = ROOT / "src" / PACKAGE

FILE_LINES = 400
MEDIAN_FILE_LINES = 200
BODY_LINES = 70

# Words that every part may use. They import nothing of ours but each other.
VOCABULARY = {
    "deadline", "errors", "forks", "ids", "models", "money", "operation", "receipt", "redaction",
    "secret", "settings",
}  # fmt: skip
# Plain data that the engine hands to an adapter, or gets from one: types, no decisions.
SHAPES = {"domain", "domain.calls", "domain.leases", "domain.outcomes"}
# Names, ids and the form of a key are words too: whatever reads one in checks it as `domain` does.
WORDS = {"domain.identifiers", "domain.keys"}
# What stands above everything else: nobody may import it but those named.
TOP = {
    "": {"cli", "testing", "__main__"},  # `__init__`, the public names
    "api": {"", "cli", "testing"},
    "router": {"", "api", "cli", "default", "testing"},  # `default` holds the one default router.
    "cli": {"__main__"},
    "testing": {"cli"},
    "guard": {"cli"},
}
# `domain` decides and does nothing else, so it needs only what computes: no clock, no
# randomness, no environment, no file, no network, no log, no thread.
PURE = {
    "__future__", "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "decimal",
    "difflib", "email", "enum", "fnmatch", "functools", "hashlib", "itertools", "json", "math",
    "operator", "re", "string", "types", "typing",
}  # fmt: skip
# Each outside package has its owners; nobody else may import it. Patterns as in fnmatch, over
# paths below the package.
OWNERS = {
    "alembic": {"adapters/database.py", "adapters/migrat*"},
    "apprise": {"adapters/alerts.py"},
    "hvac": {"adapters/vault*.py"},
    "pydantic": {"models.py", "settings.py", "*_models.py", "*_file.py"},
    "pytest": {"testing/*"},
    "requests": {"adapters/vault*.py"},  # hvac lets its exceptions through.
    "rich": {"cli.py", "cli/*"},
    "sqlalchemy": {
        "adapters/database.py", "adapters/journal*.py", "adapters/ledger*.py",
        "adapters/freezes.py", "adapters/limits.py", "adapters/migrat*", "adapters/reservations.py",
        "adapters/schema.py",
    },
    "stripe": {"adapters/stripe_*.py", "testing/*"},
    "typer": {"cli.py", "cli/*"},
    "urllib3": {"adapters/stripe_*.py", "adapters/vault*.py"},
    "yaml": {"adapters/*yaml*.py", "adapters/*_file.py"},
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One imported name, where it stands; `of` is absolute, and below our package if `ours`."""

    where: str
    of: str
    ours: bool
    typing_only: bool


@dataclass(frozen=True)
class Module:
    """One source file: `name` is dotted and without the package, "" for its `__init__`."""

    path: Path
    name: str
    tree: ast.Module

    @property
    def file(self) -> str:
        return self.path.relative_to(SRC).as_posix()

    @property
    def lines(self) -> int:
        return len(self.path.read_text().splitlines())


@cache
def modules() -> dict[str, Module]:
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        if path.name == "_baked_keys.py":  # Generated at deployment, not written by us.
            continue
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(path, name, ast.parse(path.read_text(), str(path)))
    return found


def imports(module: Module) -> Iterator[Import]:
    """Yield each import wherever it stands: one hidden in a function counts as well."""
    typing_only = {
        inner
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(module.tree):
        where = f"{module.file}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = imported_from(module, node)
        else:
            continue
        for name in names:
            ours = name == PACKAGE or name.startswith(PACKAGE + ".")
            of = name[len(PACKAGE) + 1 :] if ours else name
            yield Import(where, of, ours, node in typing_only)


def imported_from(module: Module, node: ast.ImportFrom) -> list[str]:
    """Return absolute names; `from ..x import y` means the module x.y where there is one."""
    base = node.module or ""
    if node.level:
        package = [PACKAGE, *filter(None, module.name.split("."))]
        if module.path.name != "__init__.py":
            package = package[:-1]
        package = package[: len(package) - (node.level - 1)]
        base = ".".join([*package, *filter(None, [base])])
    names = []
    for alias in node.names:
        deeper = f"{base}.{alias.name}"
        names.append(deeper if deeper.removeprefix(PACKAGE + ".") in modules() else base)
    return list(dict.fromkeys(names))


def layer(name: str) -> str:
    """Return the first part of a module's name: what the layers are called after."""
    return name.split(".", maxsplit=1)[0]


def complaints_about(module: Module) -> Iterator[str]:
    for found in imports(module):
        if found.ours:
            problem = wrong_direction(module.name, found.of)
        else:
            problem = not_an_owner(module, layer(found.of))
        if problem:
            yield f"{found.where}: {problem}"


def wrong_direction(importer: str, imported: str) -> str:
    """Say why `importer` may not import our module `imported`, or nothing."""
    here, there = layer(importer), layer(imported)
    if there in TOP and here != there and here not in TOP[there]:
        return f"only {sorted(TOP[there])} may import {there or PACKAGE}"
    if imported in WORDS and here in {"models", "adapters"}:
        return ""
    if here in VOCABULARY and there not in VOCABULARY:
        return f"vocabulary imports only vocabulary, not {imported}"
    if here == "domain" and there not in VOCABULARY | {"domain"}:
        return f"domain imports only the vocabulary and itself, not {imported}"
    if here == "adapters" and there not in VOCABULARY | {"adapters"} and imported not in SHAPES:
        return f"adapters know the vocabulary and the shapes of calls, not {imported}"
    return ""


def not_an_owner(module: Module, package: str) -> str:
    """Say why `module` may not import the outside `package`, or nothing."""
    if package in sys.stdlib_module_names:
        if layer(module.name) == "domain" and package not in PURE:
            return f"domain is pure: {package} is not among what computes only"
        return ""
    owners = OWNERS.get(package, set())
    if any(fnmatch(module.file, pattern) for pattern in owners):
        return ""
    return f"{package} may be imported only by {sorted(owners) or 'nobody yet'}"


def test_imports_point_one_way_and_each_outside_package_has_its_owners() -> None:
    assert [problem for module in modules().values() for problem in complaints_about(module)] == []


def test_no_module_imports_itself_through_others() -> None:
    edges = {
        module.name: {
            found.of
            for found in imports(module)
            if found.ours and not found.typing_only and found.of in modules()
        }
        - {module.name}
        for module in modules().values()
        if module.name
    }
    while edges:
        leaves = {name for name, needs in edges.items() if not needs & edges.keys()}
        assert leaves, f"these import each other: {sorted(edges)}"
        edges = {name: needs for name, needs in edges.items() if name not in leaves}


def test_the_environment_has_one_reader() -> None:
    """`settings` reads it; `testing` and the command may prepare it for what they start."""
    readers = {
        layer(module.name)
        for module in modules().values()
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (isinstance(node, ast.alias) and node.name in {"environ", "getenv"})
    }
    assert readers <= {"settings", "testing", "cli"}


def test_domain_calls_nothing_that_reaches_outside() -> None:
    forbidden = {"open", "print", "input", "eval", "exec", "__import__", "breakpoint"}
    assert [
        f"{module.file}:{node.lineno}"
        for module in modules().values()
        if layer(module.name) == "domain"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id in forbidden
    ] == []


def test_only_what_talks_to_a_person_prints() -> None:
    assert [
        f"{module.file}:{node.lineno}"
        for module in modules().values()
        if layer(module.name) != "cli"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id == "print"
    ] == []


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {module.file: module.lines for module in modules().values()}
    assert {file: lines for file, lines in lengths.items() if lines > FILE_LINES} == {}
    assert statistics.median(lengths.values()) < MEDIAN_FILE_LINES


def written_by_hand() -> list[Path]:
    folders = ("src", "tests", "scripts")
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count from the first statement after the docstring to the last line."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_fit_on_a_screen() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in written_by_hand()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and body_lines(node) > BODY_LINES
    ] == []


@pytest.mark.parametrize("folder", ["src", "tests", "scripts", "docs", "config"])
def test_nothing_is_left_for_later(folder: str) -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    assert [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".md", ".yaml", ".toml"}
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if any(mark in line.split() or f"{mark}:" in line for mark in marks)
    ] == []


def test_the_locks_name_versions_and_hashes_but_no_index() -> None:
    """An index, a host or a folder of the machine that made a lock would bind others to it."""
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert [word for word in ("://", "--index", "--extra-index", "--find-links", " @ ")
                if word in text] == [], lock.name  # fmt: skip
