"""The suite's own watchman: a run that shows a key anywhere fails, and does not show it again."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.planted import holds_secrets

SUPPORT = Path(__file__).resolve().parent.parent

KEY = "sk_live_" + "fakeKeyThatIsLeaked"

LEAKS = {
    "printed": ("print(KEY)", "captured stdout call (1)"),
    "printed to stderr": ("print(KEY, file=__import__('sys').stderr)", "captured stderr call (1)"),
    "logged": ("__import__('logging').getLogger('a').error('it is %s', KEY)", "captured log call"),
    "in a failure": ("assert 'x' == KEY", "the report of its failure"),
    "in the locals of a failure": ("key = KEY; raise ValueError", "the report of its failure"),
    "planted without a form": (
        "from support.planted import plant; print(plant('correct horse battery'))",
        "captured stdout call (1)",
    ),
}
WRITTEN = {
    "written": ("(tmp_path / 'ledger.db').write_bytes(b'\\0' + KEY.encode())", "ledger.db (1)"),
    "written into a folder": (
        "(tmp_path / 'a').mkdir(); (tmp_path / 'a' / 'spill.jsonl').write_text(KEY)",
        "spill.jsonl (1)",
    ),
}
HARMLESS = {
    "nothing": "pass",
    "a token file": "(tmp_path / 'token').write_text(KEY)",
    "an announced file": (
        "from support.planted import holds_secrets\n"
        "    holds_secrets(tmp_path / 'x.db').write_text(KEY)"
    ),
    "a bare prefix": "print('sk_live_… or sk_live_', 'pi_1_secret_')",
}


def run_pytest(
    folder: Path, bodies: Iterable[str], *options: str
) -> subprocess.CompletedProcess[str]:
    """Run one test for each body, called `test_0` and so on."""
    holds_secrets(folder)
    tests = [f"def test_{number}(tmp_path):\n    {body}\n" for number, body in enumerate(bodies)]
    (folder / "test_it.py").write_text("\n".join([ASSEMBLED, *tests]))
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {SUPPORT}\n")
    (folder / "conftest.py").write_text("pytest_plugins = ('support.planted',)\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider",
         f"--basetemp={folder / 'base'}", *options, "test_it.py"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


ASSEMBLED = "KEY = 'sk_live_' + 'fakeKeyThatIsLeaked'"


@pytest.fixture(scope="module")
def run_that_shows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run shows whose every test shows a key, in its own way."""
    bodies = [body for body, _ in LEAKS.values()]
    result = run_pytest(tmp_path_factory.mktemp("shows"), bodies, "--showlocals")
    assert result.returncode == 1
    return result.stdout + result.stderr


@pytest.mark.parametrize("name", LEAKS)
def test_a_test_that_shows_a_key_fails(run_that_shows: str, name: str) -> None:
    number = list(LEAKS).index(name)
    assert f"FAILED test_it.py::test_{number}" in run_that_shows
    # Its report is between two lines that name a test each.
    report = re.split(r"^_+ (test_\d+) _+$", run_that_shows, flags=re.MULTILINE)
    assert LEAKS[name][1] in report[report.index(f"test_{number}") + 1]


def test_a_run_that_shows_keys_does_not_show_them_again(run_that_shows: str) -> None:
    # The tests' own source, which holds it in two pieces, is shown with the failures.
    assert "Leaked" not in run_that_shows.replace("fakeKeyThatIsLeaked'", "")
    assert "correct horse" not in run_that_shows.replace("plant('correct horse battery')", "")


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["in one process", "in several"])
def test_a_run_whose_tests_pass_fails_for_what_they_wrote(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    result = run_pytest(tmp_path, [body for body, _ in WRITTEN.values()], *options)
    assert result.returncode == 1
    assert f"{len(WRITTEN)} passed" in result.stdout
    for _, told in WRITTEN.values():
        assert told in result.stdout
    assert "Leaked" not in result.stdout


def test_one_of_several_processes_fails_a_test_that_logs_a_key(tmp_path: Path) -> None:
    body, told = LEAKS["logged"]
    result = run_pytest(tmp_path, [body], "-n", "2")
    assert result.returncode == 1
    assert told in result.stdout


def test_what_is_no_leak_passes(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, HARMLESS.values())
    assert result.returncode == 0, result.stdout


def test_a_test_is_not_named_after_a_secret(tmp_path: Path) -> None:
    body = (
        "pass\n"
        "import pytest\n"
        "@pytest.mark.parametrize('value', [KEY, 'other'])\n"
        "def test_many(value): pass\n"
    )
    result = run_pytest(tmp_path, [body], "-vv")
    assert result.returncode == 0
    assert "test_many[PLANTED]" in result.stdout
    assert "Leaked" not in result.stdout
    # A failure shows the source of its test, and so the name's two pieces.
    named = body.replace("[KEY, 'other']", "[1], ids=[KEY]")
    result = run_pytest(tmp_path, [named], "-vv")
    assert result.returncode == 1
    assert "its name" in result.stdout
    assert "test_many[PLANTED]" in result.stdout
