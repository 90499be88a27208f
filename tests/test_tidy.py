"""Style as an executable test: who may import whom, how long things may be, what stays away.

Where a rule is in the way, change the rule here, with a sentence that says why.
"""

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "stripe_billing_router"
SRC = ROOT / "src" / PACKAGE

FILE_LINES = 400
MEDIAN_FILE_LINES = 200
BODY_LINES = 70

# Room -> the rooms that it may import: every file and folder of the package, from the ground up.
# A room imports only what stands above it here, so that nothing runs upwards; "" is the package's
# own `__init__`, the public names.
ROOMS: dict[str, set[str]] = {
    "redaction": set(),
    "errors": {"redaction"},
    "core": {"errors", "redaction"},
    "receipt": {"core"},
    "alerts": {"core", "errors", "redaction"},
    "settings": {"core", "errors", "redaction"},
    "billing_logger": {"core", "errors", "redaction"},
    "domain": {"core", "errors"},
    "routing": {"core", "errors"},
    "gateway": {"core", "domain", "errors", "redaction"},
    "keys": {"core", "domain", "errors", "settings"},
    "storage": {"billing_logger", "core", "domain", "errors", "redaction"},
    "engine": {"billing_logger", "core", "domain", "errors", "keys", "redaction", "storage"},
    "rollback_manager": {"engine"},
    "assembly": {
        "alerts", "core", "engine", "gateway", "keys", "routing", "settings", "storage",
    },
    "router": {
        "assembly", "core", "domain", "engine", "errors", "routing", "settings",
        "storage",
    },
    "default": {"core", "router", "routing"},
    "api": {"core", "default", "engine", "routing"},
    "": {"api", "core", "default", "engine", "errors", "router", "routing", "settings"},
    "guard": set(),
    "doctor": {
        "alerts", "core", "domain", "errors", "gateway", "keys", "redaction", "routing",
        "settings", "storage",
    },
    "testing": {""},
    "cli": {
        "core", "default", "doctor", "engine", "errors", "guard", "keys", "redaction", "router",
        "routing", "settings", "storage",
    },
    "__main__": {"cli"},
}  # fmt: skip
MOST_ROOMS = 26
# `domain` decides and does nothing else, so it needs only what computes: no clock, no
# randomness, no environment, no file, no network, no log, no thread.
PURE = {
    "__future__", "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "decimal",
    "difflib", "email", "enum", "fnmatch", "functools", "hashlib", "itertools", "json", "math",
    "operator", "re", "string", "types", "typing",
}  # fmt: skip
# What not to say, as regular expressions between word boundaries, and what to say instead.
INSTEAD = {
    r"told|tells|tell of": "report, say",
    r"nobody|somebody|anybody": "the actor: another process, the operator, the customer, no one",
    r"stands?(?! for\b)|stood": "is",
    r"standing orders?": "a block until it is lifted",
    r"at work|under way|underway": "in progress",
    r"com(?:e|es|ing) (?:to|of)|came (?:to|of)": "results in; the outcome",
    r"anew": "again",
    r"half-built|half-made": "partially created",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"(?<!there\s)(?:is|are|was|were) (?-i:none)": "is not a …",
    r"(?:is|are|was|were|be|goes|go|went|as|database|vault) away": "unavailable",
    r"proven|prov(?:e|es|ing) (?:a|the|each|its) key|proof of (?:a|the) key": "verified",
    r"(?:un)?settl(?:e|es|ed|ing|ements?)": "finished, outcome (settle: reservations, banks)",
    r"plans?": "instruction (a plan is Stripe's)",
    r"drain(?:s|ed|ing)?|(?:brings?|brought) (?:it |them )?back": "replay, restore",
    r"spill(?:s|ed|ing)?": "spool",
    r"sets? (?:it |them )?aside|kept aside": "quarantine",
    r"keepers?": "refresher",
    r"(?:a|the|its|their|whose) turn": "single flight",
    r"known objects?": "customer cache",
    r"reconcilers?": "outcome look-up",
    r"discrepanc(?:y|ies)": "mismatch",
    r"ledger looks?": "ledger status",
    r"ledger entr(?:y|ies)": "ledger row",
}

# Each outside package is imported in one room only, the sandbox apart.
OWNERS = {
    "alembic": {"storage"},
    "apprise": {"alerts"},
    "hvac": {"keys"},
    "pydantic": {"routing", "settings"},
    "pytest": {"testing"},
    "requests": {"keys"},  # hvac lets its exceptions through.
    "rich": {"cli"},
    "sqlalchemy": {"storage"},
    "stripe": {"gateway", "testing"},
    "typer": {"cli"},
    "urllib3": {"gateway", "keys"},
    "yaml": {"routing"},
}


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


@cache
def imports(module: Module) -> list[Import]:
    """Return each import wherever it is: one hidden in a function counts as well."""
    return list(_imports(module))


def _imports(module: Module) -> Iterator[Import]:
    nodes = list(ast.walk(module.tree))
    typing_only = {
        inner
        for node in nodes
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in nodes:
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


def room(name: str) -> str:
    """Return the first part of a module's name: the file or folder of the package it is in."""
    return name.split(".", maxsplit=1)[0]


def complaints_about(module: Module) -> Iterator[str]:
    for found in imports(module):
        here, there = room(module.name), room(found.of)
        if found.ours:
            if here != there and there not in ROOMS[here]:
                yield f"{found.where}: {here} may not import {there or PACKAGE}"
        elif there in sys.stdlib_module_names:
            if here == "domain" and there not in PURE:
                yield f"{found.where}: domain is pure: {there} is not among what computes only"
        elif here not in OWNERS.get(there, set()):
            owners = sorted(OWNERS.get(there, set())) or "no room yet"
            yield f"{found.where}: {there} may be imported only by {owners}"


def test_every_room_is_named_and_there_are_not_too_many() -> None:
    assert {room(name) for name in modules()} == set(ROOMS)
    assert len(ROOMS) <= MOST_ROOMS


def test_no_room_imports_upwards() -> None:
    before: set[str] = set()
    for name, may_import in ROOMS.items():
        assert may_import <= before, f"{name} imports what stands below it here"
        before.add(name)


def test_rooms_import_what_they_may_and_each_outside_package_has_its_owners() -> None:
    assert [problem for module in modules().values() for problem in complaints_about(module)] == []


def test_no_permission_is_left_over() -> None:
    used = {
        (room(module.name), room(found.of))
        for module in modules().values()
        for found in imports(module)
        if found.ours
    }
    assert [
        f"{name} -> {other}"
        for name, may_import in ROOMS.items()
        for other in sorted(may_import)
        if (name, other) not in used
    ] == []


def test_inside_the_package_imports_are_relative() -> None:
    """The migrations are run from their files, which have no name as modules."""
    assert [
        f"{module.file}:{node.lineno}"
        for module in modules().values()
        if not module.name.startswith("storage.migrations")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and (node.module or "").split(".")[0] == PACKAGE
    ] == []


def test_what_is_clean_is_made_where_it_is_looked_through() -> None:
    """The type proves that there is no secret: who could make one unseen could forge the proof."""
    makers = {"CleanJson", "CleanText", "as_stored"}
    assert {
        module.file
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers
    } <= {"core/clean_json.py", "billing_logger.py", "storage/codec.py", "domain/steps.py"}


def circles() -> list[str]:
    """Return the modules that import each other, through whichever others; types count as well."""
    edges = {
        module.name: {found.of for found in imports(module) if found.ours} - {module.name}
        for module in modules().values()
        if module.name
    }
    while edges:
        leaves = {name for name, needs in edges.items() if not needs & edges.keys()}
        if not leaves:
            return sorted(edges)
        edges = {name: needs for name, needs in edges.items() if name not in leaves}
    return []


def test_no_module_imports_itself_through_others() -> None:
    assert circles() == []


def test_the_environment_has_one_reader() -> None:
    """`settings` reads it; `testing` and the command may prepare it for what they start."""
    readers = {
        room(module.name)
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
        if room(module.name) == "domain"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id in forbidden
    ] == []


def test_only_what_talks_to_a_person_prints() -> None:
    assert [
        f"{module.file}:{node.lineno}"
        for module in modules().values()
        if room(module.name) != "cli"
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
