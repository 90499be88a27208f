"""`freeze`, `unfreeze` and `freezes`: recorded with who and why, and there when it burns."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from stripe_billing_router.cli import freezes
from stripe_billing_router.storage.freezes import covering
from stripe_billing_router.storage.records import Records
from support.terminal import in_terminal

Run = Callable[..., Result]

BOT = "finance:finance_router_bot"


def test_a_frozen_bot_is_frozen_for_everybody_and_it_is_recorded(
    run: Run, records: Records
) -> None:
    result = run("freeze", BOT, "--reason", "charges the wrong customers", "--by", "ada")
    (found,) = records.freezes()
    assert (found.pattern, found.reason, found.actor) == (BOT, "charges the wrong customers", "ada")
    assert covering(records.freezes(), BOT) == found
    assert f"Frozen: {BOT}, in " in result.stdout
    assert f"It stops 1 routed bot: {BOT}." in result.stdout
    assert f"unfreeze '{BOT}' --approver NAME" in result.stdout
    assert result.stderr == ""
    (row,) = records.ledger()
    assert (row.action_type, row.bot_id, row.amount) == ("freeze", BOT, None)
    raw = json.loads(row.raw_event_json)
    assert (raw["actor"], raw["reason"]) == ("ada", "charges the wrong customers")


def test_who_asks_is_whoever_is_logged_in_unless_said_otherwise(
    run: Run, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("freeze", BOT, "--reason", "incident 12")
    monkeypatch.setattr(getpass, "getuser", nobody)
    run("freeze", "a:b", "--reason", "incident 12")
    actors = {freeze.pattern: freeze.actor for freeze in records.freezes()}
    monkeypatch.undo()
    assert actors == {BOT: getpass.getuser(), "a:b": "operator"}


def nobody() -> str:
    raise OSError("No username set in the environment")


def test_a_pattern_says_which_bots_it_stops(run: Run, records: Records) -> None:
    result = run("freeze", "*", "--reason", "incident 12")
    bots = "analytics:new_bot, finance:finance_router_bot, research:market:summary_bot"
    assert f"It stops 3 routed bots: {bots}." in result.stdout
    result = run("freeze", "finanze:*", "--reason", "incident 12")
    assert "No bot of the routing file matches it." in result.stderr
    assert len(records.freezes()) == 2, "it holds all the same: routes are registered by code too"


def test_a_freeze_does_not_wait_for_a_routing_file(
    run: Run, records: Records, tmp_path: Path
) -> None:
    (tmp_path / "routes.yaml").write_text("stripe: [", encoding="utf-8")
    result = run("freeze", "*", "--reason", "incident 12")
    assert str(tmp_path / "routes.yaml") in result.stderr
    assert covering(records.freezes(), "any:bot") is not None
    (tmp_path / "routes.yaml").unlink()
    run("unfreeze", "*", "--approver", "grace")
    assert records.freezes() == []


def test_with_the_database_away_it_is_said_that_other_hosts_do_not_know(
    run: Run, ledger_dir: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ledger_dir / "file").touch()
    away = f"sqlite:///{ledger_dir / 'file' / 'is_no_folder.db'}"
    monkeypatch.setattr(freezes, "expect_database", lambda _: None)
    with monkeypatch.context() as patch:
        patch.setenv("STRIPE_LEDGER_URL", away)
        result = run("freeze", BOT, "--reason", "incident 12", status=1)
    assert BOT in result.stderr
    assert "this host" in result.stderr
    assert result.stdout == ""
    assert "incident 12" in run("freezes").stdout, "it came back with the database"


def test_what_can_be_recorded_nowhere_is_an_error(
    run: Run, ledger_dir: Path, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ledger_dir / "file").touch()
    monkeypatch.setattr(freezes, "expect_database", lambda _: None)
    monkeypatch.setenv("STRIPE_LEDGER_URL", f"sqlite:///{ledger_dir / 'file' / 'a.db'}")
    monkeypatch.setenv("STRIPE_LEDGER_DIR", str(ledger_dir / "file"))
    result = run("freeze", BOT, "--reason", "incident 12", status=1)
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_a_freeze_needs_no_key(run: Run, records: Records, environment: dict[str, str]) -> None:
    assert not {"STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY", "VAULT_ADDR"} & environment.keys()
    run("freeze", BOT, "--reason", "incident 12")


@pytest.mark.parametrize(
    "command",
    [("freeze", BOT, "--reason", "x"), ("unfreeze", BOT, "--approver", "x"), ("freezes",)],
)
def test_a_place_without_a_ledger_is_an_error(
    run: Run, ledger_dir: Path, command: tuple[str, ...]
) -> None:
    assert run(*command, status=1).stderr.startswith("Error: configuration: ")
    assert not (ledger_dir / "stripe_ledger.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [("freeze", BOT), ("freeze", "--reason", "x"), ("unfreeze", BOT), ("freeze",)],
)
def test_no_freeze_without_a_reason_and_none_lifted_without_an_approver(
    run: Run, records: Records, arguments: tuple[str, ...]
) -> None:
    run(*arguments, status=2)
    assert records.freezes() == []


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_reason_that_says_nothing_is_refused(run: Run, records: Records, reason: str) -> None:
    assert run("freeze", BOT, "--reason", reason, status=1).stderr.startswith("Error: input: ")
    assert records.freezes() == []


def test_unfreeze_lifts_exactly_what_it_names(run: Run, records: Records) -> None:
    run("freeze", BOT, "--reason", "one")
    run("freeze", BOT, "--reason", "two")
    run("freeze", "finance:*", "--reason", "three")
    result = run("unfreeze", f"stripe:{BOT}", "--approver", "grace")
    assert "(2 freezes)" in result.stdout
    assert result.stderr == "Still stopped by the freeze of finance:*.\n"
    assert [freeze.pattern for freeze in records.freezes()] == ["finance:*"]
    result = run("unfreeze", BOT, "--approver", "grace", status=1)
    assert f"No freeze is for exactly '{BOT}' (" in result.stderr
    assert "finance:*" in result.stderr


def test_freezes_tell_who_stopped_whom_when_and_why(run: Run, records: Records) -> None:
    empty = run("freezes")
    assert (empty.stdout, empty.stderr) == ("", "No bot is frozen.\n")
    run("freeze", BOT, "--reason", "incident 12", "--by", "ada")
    run("freeze", "finance:*", "--reason", "incident 13", "--by", "grace")
    run("unfreeze", BOT, "--approver", "linus")
    lines = run("freezes").stdout.splitlines()
    assert lines[0].split() == ["frozen", "since", "(UTC)", "by", "why"]
    assert [line.split()[0] for line in lines[1:]] == ["finance:*"]
    assert lines[1].endswith("grace  incident 13")
    everything = run("freezes", "--all").stdout.splitlines()
    assert [line.split()[0] for line in everything[1:]] == [BOT, "finance:*"]
    assert everything[1].endswith("by linus")
    assert everything[2].endswith("no")
    as_json = [json.loads(line) for line in run("freezes", "--format", "jsonl").stdout.splitlines()]
    assert [each["reason"] for each in as_json] == ["incident 13"]


def test_an_operator_sees_it_in_a_terminal(records: Records, environment: dict[str, str]) -> None:
    frozen = in_terminal(["freeze", BOT, "--reason", "incident 12"], environment)
    assert frozen.status == 0
    assert f"Frozen: {BOT}" in frozen.text
    assert "incident 12" in in_terminal(["freezes"], environment).text
