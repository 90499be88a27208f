"""The suite's own watchman: a run that shows a key anywhere fails, and does not show it again."""

from __future__ import annotations

import subprocess
import sys
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
    "written": ("(tmp_path / 'ledger.db').write_bytes(b'\\0' + KEY.encode())", "ledger.db (1)"),
    "written into a folder": (
        "(tmp_path / 'a').mkdir(); (tmp_path / 'a' / 'spill.jsonl').write_text(KEY)",
        "spill.jsonl (1)",
    ),
    "planted without a form": (
        "from support.planted import plant; print(plant('correct horse battery'))",
        "captured stdout call (1)",
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


def run_pytest(folder: Path, body: str, *options: str) -> subprocess.CompletedProcess[str]:
    holds_secrets(folder)
    test = f"KEY = 'sk_live_' + 'fakeKeyThatIsLeaked'\ndef test_it(tmp_path):\n    {body}\n"
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {SUPPORT}\n")
    (folder / "conftest.py").write_text("pytest_plugins = ('support.planted',)\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         f"--basetemp={folder / 'base'}", *options, "test_it.py"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_a_run_that_shows_a_key_fails_without_showing_it_again(tmp_path: Path, name: str) -> None:
    body, told = LEAKS[name]
    result = run_pytest(tmp_path, body, "--showlocals")
    shown = result.stdout + result.stderr
    assert result.returncode == 1, name
    assert told in shown
    # The test's own source, which holds it in two pieces, is shown with the failure.
    assert "Leaked" not in shown.replace("fakeKeyThatIsLeaked'", "")
    assert "correct horse" not in shown.replace("plant('correct horse battery')", "")


@pytest.mark.parametrize("name", ["logged", "written"])
def test_so_does_one_in_several_processes(tmp_path: Path, name: str) -> None:
    body, told = LEAKS[name]
    result = run_pytest(tmp_path, body, "-n", "2")
    assert result.returncode == 1
    assert told in result.stdout


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_leak_passes(tmp_path: Path, name: str) -> None:
    result = run_pytest(tmp_path, HARMLESS[name])
    assert result.returncode == 0, result.stdout


def test_a_test_is_not_named_after_a_secret(tmp_path: Path) -> None:
    body = (
        "pass\n"
        "import pytest\n"
        "@pytest.mark.parametrize('value', [KEY, 'other'])\n"
        "def test_many(value): pass\n"
    )
    result = run_pytest(tmp_path, body, "-vv")
    assert result.returncode == 0
    assert "test_many[PLANTED]" in result.stdout
    assert "Leaked" not in result.stdout
    # A failure shows the source of its test, and so the name's two pieces.
    named = body.replace("[KEY, 'other']", "[1], ids=[KEY]")
    result = run_pytest(tmp_path, named, "-vv")
    assert result.returncode == 1
    assert "its name" in result.stdout
    assert "test_many[PLANTED]" in result.stdout
