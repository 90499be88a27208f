"""The command itself: quick to help, clear when something is wrong, silent about secrets."""

from __future__ import annotations

import importlib
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from stripe_billing_router import cli
from stripe_billing_router.cli.app import EXAMPLES, app
from stripe_billing_router.core.operation import LedgerRow
from stripe_billing_router.storage.records import Records
from support.commands import run_command
from support.planted import holds_secrets
from support.records import row
from support.terminal import COMMAND, in_terminal

Run = Callable[..., Result]

generate_cli_reference: Any = importlib.import_module("generate_cli_reference")
COMMANDS = sorted(EXAMPLES)
PLANTED = "sk_live_51PlantedKeyThatNobodyMaySee"
KEYS = {
    "STRIPE_SECRET_KEY": PLANTED,
    "STRIPE_PUBLIC_KEY": "pk_live_51PlantedKeyThatNobodyMaySee",
    "STRIPE_MASTER_ACCOUNT_ID": "acct_master",
    "VAULT_TOKEN": "hvs.PlantedTokenThatNobodyMaySee",
}

# Some versions of typer load pydantic themselves, where it is installed.
HEAVY = {"stripe", "hvac", "sqlalchemy", "requests", "urllib3", "yaml", "alembic"}
LOADED = """
import sys
sys.argv = ["stripe-billing-router", *sys.argv[1:]]
from stripe_billing_router.cli import main
try:
    main()
except SystemExit:
    print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def python(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--help",), ("ledger", "--help"), ("--version",)])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    done = python(LOADED, *arguments)
    loaded = done.stdout.rpartition("loaded:")[2].split()
    assert "typer" in loaded
    assert HEAVY & set(loaded) == set()


def test_help_lists_the_commands_and_each_has_its_own(run: Run) -> None:
    text = run("--help").stdout
    assert [name for name in COMMANDS if not re.search(rf"^│ {name} ", text, re.MULTILINE)] == []
    assert {command.name for command in app.registered_commands} == set(COMMANDS)
    for name in COMMANDS:
        text = run(name, "-h").stdout
        assert "Usage: stripe-billing-router" in text
        assert EXAMPLES[name][0].split()[0] in text


def test_without_a_command_there_is_help(run: Run) -> None:
    assert "ledger" in run(status=2).output


def test_version(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: {"stripe_billing_router": "1.2.3"}[name])
    assert run("--version").stdout == "stripe_billing_router 1.2.3\n"


def test_a_version_that_is_not_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    assert run("--version").stdout == "stripe_billing_router, which is not installed\n"


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_the_examples_are_used_rightly(run: Run, line: str) -> None:
    result = run(*shlex.split(line.partition(" > ")[0]), status=None)
    # What they name need not be there; a doctor says so as what it was asked for.
    assert result.exit_code == 0 or result.stderr.startswith("Error: ") or line[:6] == "doctor"


def test_the_reference_is_what_the_commands_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_cli_reference.main(["--check"]) == 0, capsys.readouterr().err


def test_a_reference_that_is_old_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate_cli_reference, "PAGE", tmp_path / "command-line.md")
    monkeypatch.setattr(generate_cli_reference, "run_samples", dict)
    assert generate_cli_reference.main(["--check"]) == 1
    assert generate_cli_reference.main([]) == 0
    assert generate_cli_reference.main(["--check"]) == 0
    assert "run: python scripts/generate_cli_reference.py" in capsys.readouterr().err


# --- what is missing or wrong ---------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_line_says_how_to_install_it(missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from stripe_billing_router.cli import main
main()
"""
    done = python(code)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "pip install 'stripe_billing_router[cli]'" in done.stderr


def test_another_missing_module_is_not_taken_for_the_extra() -> None:
    code = """
import sys
sys.modules["csv"] = None
from stripe_billing_router.cli import main
main()
"""
    done = python(code)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert "stripe_billing_router[cli]" not in done.stderr


def test_the_script_and_the_module_are_the_same_command(records: Records) -> None:
    by_function = python("from stripe_billing_router.cli import main; main()", "ledger")
    by_module = subprocess.run([*COMMAND, "ledger"], capture_output=True, text=True, check=False)
    assert by_function.returncode == by_module.returncode == 0
    assert by_function.stderr == by_module.stderr == "No rows match.\n"


def test_an_error_is_one_paragraph_on_stderr(environment: dict[str, str]) -> None:
    done = run_command("ledger", env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: configuration: ")
    assert done.stderr.count("\n") == 1
    screen = in_terminal(["ledger"], environment, columns=60)
    assert screen.status == 1
    assert "─ Error: configuration ─" in screen.text
    assert "Traceback" not in screen.text
    assert max(map(len, screen.lines)) <= 60


def test_a_database_that_is_away_is_said_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ledger.db").mkdir()
    monkeypatch.setenv("STRIPE_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    result = run("ledger", status=1)
    assert result.stderr.startswith("Error: ledger_unavailable: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:PlantedPassword@127.0.0.1:1/billing", "mysql://ada:PlantedPassword@h/d"],
)
def test_the_password_of_a_database_is_never_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("STRIPE_LEDGER_URL", url)
    for arguments in (("ledger",), ("freezes",), ("freeze", "*", "--reason", "x")):
        assert "PlantedPassword" not in run(*arguments, status=None).output


def test_a_mistake_of_ours_is_a_traceback_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise ValueError(f"cannot use {PLANTED}")

    monkeypatch.setattr("stripe_billing_router.cli.app.app", fails)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "ValueError: cannot use [redacted]" in shown
    assert "Planted" not in shown


def test_a_reader_that_has_enough_ends_it_quietly(
    fill: Callable[[list[LedgerRow]], None],
) -> None:
    fill([row(f"pi_{at}") for at in range(3_000)])
    program = subprocess.Popen(
        [*COMMAND, "ledger", "--format", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdout is not None
    assert program.stderr is not None
    assert program.stdout.readline()
    program.stdout.close()
    assert program.stderr.read() == b""
    assert program.wait() in (0, 1, -signal.SIGPIPE)
    program.stderr.close()


# --- colours --------------------------------------------------------------------------------------


def test_colours_are_for_terminals_only(
    log: Callable[..., str], environment: dict[str, str]
) -> None:
    log(error=1)
    assert "\x1b" in in_terminal(["ledger"], environment).raw
    assert "\x1b" not in in_terminal(["ledger"], {**environment, "NO_COLOR": "1"}).raw
    assert "\x1b" not in run_command("ledger", env=environment).stdout


def test_an_encoding_that_lacks_a_letter_loses_no_row(
    log: Callable[..., str], environment: dict[str, str]
) -> None:
    log(bot_id="Zürich:bot", user_email="ü@example.com")
    for form in ("table", "csv", "jsonl"):
        ascii_only = {**environment, "PYTHONIOENCODING": "ascii"}
        done = run_command("ledger", "--format", form, env=ascii_only)
        assert (done.returncode, done.stderr) == (0, "")
        assert "rich:bot" in done.stdout


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        (PLANTED,),
        (f"--{PLANTED}",),
        ("ledger", PLANTED),
        ("ledger", "--since", PLANTED),
        ("ledger", "--bot", PLANTED),
        ("ledger", "--object", PLANTED),
        ("ledger", "--format", PLANTED),
        ("ledger", "--limit", PLANTED),
        ("operations", PLANTED),
        ("operations", "--state", PLANTED),
        ("routes", PLANTED),
        ("routes", "--import", PLANTED),
        ("resolve", PLANTED),
        ("resolve", "finance:finance_router_bot", "--override", PLANTED),
        ("resolve", "finance:finance_router_bot", "--override", f"region={PLANTED}"),
        ("freeze", PLANTED, "--reason", PLANTED, "--by", PLANTED),
        ("unfreeze", PLANTED, "--approver", PLANTED),
        ("bake-keys", "--from", PLANTED),
        ("bake-keys", "--from", "environment", "--output", f"/nowhere/{PLANTED}"),
        ("freezes",),
        ("ledger",),
        ("ledger", "--format", "jsonl"),
        ("ledger", "--format", "csv"),
        ("operations",),
        ("operations", "--format", "jsonl"),
        ("routes",),
        ("recover",),
        ("recover", "--format", PLANTED),
    ],
    ids=lambda arguments: " ".join(arguments).replace(PLANTED, "KEY"),
)
def test_a_planted_key_is_never_shown(
    run: Run, records: Records, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    records.log(LEAKY)
    for variable, value in KEYS.items():
        monkeypatch.setenv(variable, value)
    assert "Planted" not in run(*arguments, status=None).output


LEAKY = LedgerRow(
    id="led_1",
    action_type="note",
    amount=None,
    currency=None,
    timestamp_ms=1,
    user_email=f"{PLANTED}@example.com",
    bot_id=PLANTED,
    destination_account=PLANTED,
    raw_event_json=f'{{"id": "{PLANTED}", "client_secret": "pi_1_secret_Planted"}}',
    error=0,
)


def test_a_key_that_was_put_into_the_database_by_others_is_masked(
    run: Run, records: Records, ledger_dir: Path
) -> None:
    values = [getattr(LEAKY, name) for name in LedgerRow.__dataclass_fields__]
    file = holds_secrets(ledger_dir / "stripe_ledger.db")
    with closing(sqlite3.connect(file)) as database, database:
        places = ", ".join("?" * len(values))
        database.execute(f"INSERT INTO stripe_ledger VALUES ({places})", values)  # noqa: S608
    for form in ("table", "jsonl", "csv"):
        shown = run("ledger", "--format", form).output
        assert "[redacted]" in shown
        assert "Planted" not in shown
