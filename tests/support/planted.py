"""Nothing that the suite prints or writes shows a key: a pytest plugin that looks at all of it.

After each test it looks through what that test printed and logged, and through what a failure says;
at the end of the session through each file below pytest's temporary folder. What it finds fails the
test or the run. It never repeats a secret: reports that hold one are masked.

Each fake secret of the suite has the form of a real one, so that none needs to be announced. One
without a form (a password, an AppRole secret id) is announced with `plant`. A file that a test
writes with a secret in it on purpose has a name that says so, or is announced with `holds_secrets`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

MASK: Final = "PLANTED"

# Not the product's own patterns: those are what is tested.
_FORMS: Final = (
    r"(?<![A-Za-z0-9])[srp]k_(?:org_)?(?:live|test)_[A-Za-z0-9]{6,}",
    r"(?<![A-Za-z0-9])whsec_[A-Za-z0-9+/]{6,}",
    r"(?<![A-Za-z0-9])(?:pi|seti|cs|src)_[A-Za-z0-9_]+_secret_[A-Za-z0-9]{4,}",
    r"(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_\-]{8,}",
    r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_\-]{6,}\.eyJ[A-Za-z0-9_\-]{6,}\.",
)
# Each of the forms holds one of these. Looking for them first, and then only at what is around
# them, makes most files ten times as cheap.
_HINTS: Final = ("_live_", "_test_", "whsec_", "_secret_", "hvs.", "hvb.", "hvr.", ".eyJ")
# More than any secret of the suite has before or behind its hint.
_AROUND: Final = 4096
# Files that are there to hold secrets: baked-in keys, token files, and those that are never read.
HOLD_SECRETS: Final = ("*keys*.py", "*token*", ".env")

_planted: list[str] = []
_allowed: set[Path] = set()
_was_named = pytest.StashKey[bool]()
_leaks = pytest.StashKey[list[str]]()


def plant(secret: str) -> str:
    """Look for `secret` from now on, in the form it has and as part of anything; return it."""
    if secret not in _planted:
        _planted.append(secret)
    return secret


def holds_secrets(path: Path) -> Path:
    """Let this file, or what is below this folder, hold secrets; return it."""
    _allowed.add(path)
    return path


def _pattern() -> str:
    return "|".join((*_FORMS, *map(re.escape, _planted)))


def masked(text: str) -> tuple[str, int]:
    """Return `text` without the secrets in it, and how many there were."""
    return re.subn(_pattern(), MASK, text)


# --- what a test is called, and what it printed ---------------------------------------------------


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a test whose parameter is a secret without it."""
    clean, count = masked(val) if isinstance(val, str) else ("", 0)
    return clean if count else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mask a name that holds a secret all the same: it stands in reports and caches."""
    for item in items:
        clean, count = masked(item.nodeid)
        if count:
            item._nodeid = clean  # type: ignore[attr-defined]
            item.name = masked(item.name)[0]
            item.stash[_was_named] = True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Fail a test whose output, log or failure shows a secret, and mask it there."""
    report: pytest.TestReport = yield
    was_named = call.when == "call" and item.stash.get(_was_named, False)
    found = ["its name"] if was_named else []
    for number, (name, text) in enumerate(report.sections):
        clean, count = masked(text)
        if count:
            report.sections[number] = (name, clean)
            found.append(f"{name.lower()} ({count})")
    clean, count = masked(report.longreprtext) if report.longrepr else ("", 0)
    if count:
        report.longrepr = clean
        found.append(f"the report of its failure ({count})")
    if found:
        report.outcome = "failed"
        report.longrepr = f"{clean}\nA secret is shown in {', '.join(found)}; masked here."
    return report


# --- what the suite wrote -------------------------------------------------------------------------


def leaking_files(folder: Path) -> Iterator[str]:
    """Yield the path and number of secrets of each file below `folder` that shows one."""
    pattern = re.compile(_pattern().encode())
    hints = [hint.encode() for hint in (*_HINTS, *_planted)]
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            if path.is_symlink() or not path.is_file() or _may_hold_secrets(path):
                continue
            try:
                content = path.read_bytes()
            except OSError:
                continue
            count = sum(len(pattern.findall(part)) for part in _suspects(content, hints))
            if count:
                yield masked(f"{path.relative_to(folder)} ({count})")[0]


def _suspects(content: bytes, hints: list[bytes]) -> Iterator[bytes]:
    """Yield the parts of `content` in which a secret may be, each once."""
    start = end = 0
    for found in re.finditer(b"|".join(map(re.escape, hints)), content):
        if found.start() - _AROUND > end:
            yield content[start:end]
            start = found.start() - _AROUND
        end = found.end() + _AROUND
    yield content[start:end]


@pytest.fixture(scope="session")
def find_leaks() -> Callable[[Path], list[str]]:
    """Return a function that names the files below a folder that show a secret."""
    return lambda folder: list(leaking_files(folder))


def _may_hold_secrets(path: Path) -> bool:
    return any(path.match(name) for name in HOLD_SECRETS) or not _allowed.isdisjoint(
        (path, *path.parents)
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look through the files of this process; xdist's first process is told by the others."""
    config = session.config
    found = config.stash.setdefault(_leaks, [])
    factory = getattr(config, "_tmp_path_factory", None)
    basetemp: Path | None = getattr(factory, "_basetemp", None)
    if basetemp is not None and not config.pluginmanager.hasplugin("dsession"):
        found += leaking_files(basetemp)
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output["leaks"] = found
    elif found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the findings of one of xdist's processes."""
    node.config.stash.setdefault(_leaks, []).extend(
        getattr(node, "workeroutput", {}).get("leaks", [])
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the files that show a secret, without the secret."""
    found = config.stash.get(_leaks, [])
    if found:
        terminalreporter.section("Secrets in what was written", red=True)
        for line in found:
            terminalreporter.write_line(line)
