"""Mutate in `domain/` and `core/money.py` what mutmut leaves alone, and list what no test notices.

mutmut changes expressions inside plain functions. This changes the rest: tables and patterns at
module level, the bodies of classes and of functions with a decorator, whole statements, whole
conditions, and what a function returns (`mutations.py`). `make mutate` runs it after mutmut, with
the same tests; files given as arguments limit it to them, WORKERS=n says how many processes.

Each mutant is tested in a process of its own, forked before the package is imported: the changed
code takes the place of the file's as it is imported, and no file is touched. Only tests that run
the changed lines are run. Whatever takes longer than TIMEOUT_S counts as noticed.
"""

import ast
import gc
import importlib.machinery
import os
import resource
import signal
import sys
import time
import tomllib
import types
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import coverage
import hypothesis  # noqa: F401 - loaded once for all processes
import pydantic  # noqa: F401 - as above
import pytest
import sqlalchemy  # noqa: F401 - as above
import stripe  # noqa: F401 - as above
import yaml  # noqa: F401 - as above

from mutations import changes

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "stripe_billing_router"
OPTIONS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
TESTS: list[str] = OPTIONS["pytest_add_cli_args_test_selection"]
# Without pytest's rewriting of assertions, which would load the package in its own way.
PYTEST = ["-q", "-x", "--assert=plain", "-p", "no:unraisableexception"]
PYTEST += OPTIONS["pytest_add_cli_args"]

TIMEOUT_S = 60
MEMORY_BYTES = 2 * 1024**3
WORKERS = int(os.environ.get("WORKERS", "2"))
_NEVER_IMPORTED = 99

# For each line of a file, the tests that run it.
Coverage = dict[tuple[str, int], set[str]]


@dataclass(frozen=True)
class Mutant:
    """The n-th change of a file."""

    path: Path
    number: int
    lines: range
    change: str
    at_import: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE)}:{self.lines.start} {self.change}"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """List the mutants of a file."""
    for number, (first, last, change, at_import) in enumerate(changes(_parsed(path))):
        yield Mutant(path, number, range(first, last + 1), change, at_import)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


class _ByTest:
    """Tell coverage which test is running."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(item.nodeid)
        return (yield)


def measure() -> Coverage:
    """Run all tests on the code as it is."""
    measured = coverage.Coverage(
        data_file=None, source=[str(PACKAGE)], config_file=False, messages=False
    )
    measured.start()
    code = pytest.main([*PYTEST, *TESTS], plugins=[_ByTest(measured)])
    measured.stop()
    if code != 0:
        raise SystemExit("the tests fail without any mutant")
    tests: Coverage = defaultdict(set)
    data = measured.get_data()
    for path in data.measured_files():
        for line, contexts in data.contexts_by_lineno(path).items():
            tests[path, line] |= set(contexts) - {""}
    return dict(tests)


def rounds_for(mutant: Mutant, tests: Coverage) -> list[list[str]]:
    """Return the tests that may notice a mutant, in one or two rounds.

    Where importing runs the changed line these are all files of tests that run anything of its
    module, those that bear the module's name first.
    """
    path = str(mutant.path)
    if not mutant.at_import:
        return [sorted(set().union(*(tests.get((path, line), set()) for line in mutant.lines)))]
    run = {test for (file, _), some in tests.items() if file == path for test in some}
    files = sorted({test.partition("::")[0] for test in run})
    own = [name for name in files if mutant.path.stem.removesuffix("s") in name]
    return [own, [name for name in files if name not in own]]


def survives(mutant: Mutant, rounds: list[list[str]]) -> bool:
    """Run the rounds of tests, each in a forked process; say whether all passed."""
    for tests in filter(None, rounds):
        child = os.fork()
        if child == 0:
            os._exit(_tested(mutant, tests))
        _, status = os.waitpid(child, 0)
        if status != 0:
            if os.waitstatus_to_exitcode(status) == _NEVER_IMPORTED:
                raise RuntimeError(f"{mutant} was never imported")
            return False
    return True


def _tested(mutant: Mutant, tests: list[str]) -> int:
    signal.alarm(TIMEOUT_S)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.dont_write_bytecode = True
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    tree = _parsed(mutant.path)
    for number, _ in enumerate(changes(tree)):
        if number == mutant.number:
            break
    code = compile(tree, mutant.path, "exec")
    imported = []
    load = importlib.machinery.SourceFileLoader.get_code

    def changed(self: importlib.machinery.SourceFileLoader, name: str) -> types.CodeType | None:
        if self.path != str(mutant.path):
            return load(self, name)
        imported.append(name)
        return code

    importlib.machinery.SourceFileLoader.get_code = changed  # type: ignore[method-assign,assignment]
    try:
        result = int(pytest.main([*PYTEST, *tests]))
    except BaseException:  # noqa: BLE001 - whatever a mutant brings down, it was noticed
        return 1
    return result if imported else _NEVER_IMPORTED


def main(arguments: list[str]) -> int:
    """Print each survivor, then the counts; return 0."""
    named = [Path(name).resolve() for name in arguments]
    paths = named or [*sorted((PACKAGE / "domain").rglob("*.py")), PACKAGE / "core" / "money.py"]
    begun = time.monotonic()
    # In a process of its own, for this one must never import the package.
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as apart:
        tests = apart.submit(measure).result()
    if not survives(Mutant(paths[0], -1, range(0), "", at_import=True), [TESTS]):
        raise SystemExit("the tests fail in a forked process without any mutant")
    gc.freeze()  # What is loaded by now is not looked through again in each process.
    made: dict[str, int] = defaultdict(int)
    survived: dict[str, int] = defaultdict(int)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("fork")) as pool:
        mutants = [mutant for path in paths for mutant in mutants_of(path)]
        under_way = {pool.submit(survives, one, rounds_for(one, tests)): one for one in mutants}
        for done in as_completed(under_way):
            mutant = under_way[done]
            name = str(mutant.path.relative_to(PACKAGE))
            made[name] += 1
            if done.result():
                survived[name] += 1
                print(f"survived: {mutant}", flush=True)
    for name, count in made.items():
        print(f"{name:26} {count:4} mutants, {survived[name]:3} survived")
    minutes = (time.monotonic() - begun) / 60
    print(f"{sum(made.values())} mutants, {sum(survived.values())} survived, {minutes:.0f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
