"""`recover`: what dead processes left is finished, over a real SQLite file and a served sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from stripe_billing_router import BillingRouter, OutcomeUnknownError
from stripe_billing_router.cli.operations import UNSETTLED
from stripe_billing_router.cli.recover import NEXT
from stripe_billing_router.core.operation import State
from stripe_billing_router.testing import StripeSandbox
from support.terminal import in_terminal

Run = Callable[..., Result]
BOT = "finance:finance_router_bot"
OTHER_BOT = "analytics:new_bot"
AWAY = "postgresql://nobody@127.0.0.1:9/none"
KEYS = {
    "STRIPE_SECRET_KEY": "sk_live_sandboxfakeKeyOfNobody",
    "STRIPE_PUBLIC_KEY": "pk_live_sandboxfakeKeyOfNobody",
}


@pytest.fixture
def sandbox() -> StripeSandbox:
    made = StripeSandbox()
    for customer in ("cus_finance_default", "cus_new_bot_default"):
        made.add_customer(customer, payment_method="pm_card_visa")
    return made


@pytest.fixture
def served(
    sandbox: StripeSandbox, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Serve the sandbox to the command, by its environment; yield that environment."""
    with sandbox.serve() as server:
        found = {
            **KEYS,
            "STRIPE_API_BASE": server.url,
            "STRIPE_MASTER_ACCOUNT_ID": sandbox.account_id,
        }
        for variable, value in found.items():
            monkeypatch.setenv(variable, value)
        yield {**environment, **found}


@pytest.fixture
def bot_process(sandbox: StripeSandbox, served: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Open the router of a bot's process, on the same database; it gives up soon."""
    opened: list[BillingRouter] = []

    def open_one(**settings: Any) -> BillingRouter:
        router = BillingRouter(
            http_client=sandbox.http_client(), **{"give_up_after_s": 0.1, **settings}
        )
        opened.append(router)
        return router

    yield open_one
    for router in opened:
        router.close()


@pytest.fixture
def router(bot_process: Callable[..., BillingRouter]) -> BillingRouter:
    return bot_process()


def lose(router: BillingRouter, sandbox: StripeSandbox, bot: str = BOT, *, executed: bool) -> str:
    """Have a charge end unknown; return its operation's id."""
    sandbox.faults.server_error(
        method="POST", path="/v1/payment_intents", times=None, executed=executed
    )
    with pytest.raises(OutcomeUnknownError) as lost:
        router.charge(bot, 10)
    sandbox.faults.clear()
    assert lost.value.operation_id is not None
    return lost.value.operation_id


@pytest.mark.usefixtures("records")
def test_where_nothing_waits_no_key_is_needed(run: Run) -> None:
    result = run("recover")
    assert result.stdout == "There is no operation to recover.\n"
    assert run("recover", "--format", "jsonl").stdout == ""


def test_what_a_dead_process_left_is_finished_once(
    run: Run, router: BillingRouter, sandbox: StripeSandbox
) -> None:
    taken = lose(router, sandbox, executed=True)
    lost = lose(router, sandbox, OTHER_BOT, executed=False)
    result = run("recover")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["operation", "bot", "before", "→", "after", "detail"],
        [taken, BOT, "unknown", "→", "succeeded", "-"],
        [lost, OTHER_BOT, "unknown", "→", "succeeded", "-"],
        [],
        ["Finished:", "2.", "Not", "finished:", "0."],
    ]
    assert result.stderr.splitlines() == [
        f"operation 1 of 2: {BOT} charge {taken}",
        f"operation 2 of 2: {OTHER_BOT} charge {lost}",
    ]
    assert sandbox.captured_minor() == 2000
    assert run("recover").stdout == "There is no operation to recover.\n"
    assert sandbox.captured_minor() == 2000


def test_what_stays_unsettled_is_said_with_what_to_do(
    run: Run, router: BillingRouter, sandbox: StripeSandbox
) -> None:
    lost = lose(router, sandbox, executed=False)
    sandbox.add_payment_method("pm_slow", "processes", customer="cus_new_bot_default")
    slow = router.charge(OTHER_BOT, 10, payment_method="pm_slow")
    router.freeze(BOT, reason="look first")
    result = run("recover", status=3)
    words = " ".join(result.stdout.split())
    assert f"{lost} {BOT} unknown → unknown nothing of it is found" in words
    assert "Finished: 0. Not finished: 2." in result.stdout
    assert f"1 operation unknown: {NEXT[State.UNKNOWN]}\n" in result.stderr
    assert f"1 operation open: {NEXT[State.OPEN]}\n" in result.stderr
    sandbox.settle_payment(slow.id)
    router.unfreeze(BOT, approver="ada")
    assert "Finished: 2. Not finished: 0." in run("recover").stdout
    assert sandbox.captured_minor() == 2000


def test_json_lines_are_the_result_and_nothing_else(
    run: Run, router: BillingRouter, sandbox: StripeSandbox
) -> None:
    lost = lose(router, sandbox, executed=False)
    router.freeze(BOT, reason="look first")
    result = run("recover", "--format", "jsonl", status=3)
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "operation_id": lost,
            "bot_id": BOT,
            "before": "unknown",
            "after": "unknown",
            "settled": False,
            "detail": "nothing of it is found at Stripe yet",
        }
    ]
    assert "Finished: 0. Not finished: 1.\n" in result.stderr


def test_what_waits_in_the_files_is_brought_back(
    run: Run, router: BillingRouter, bot_process: Callable[..., BillingRouter], ledger_dir: Path
) -> None:
    assert router.records.freezes() == [], "the database is there"
    paid = bot_process(ledger_url=AWAY).charge(BOT, 10, idempotency_key="order-1")
    result = run("recover")
    assert result.stdout == (
        "Replayed from the spool: 2 records.\nThere is no operation to recover.\n"
    )
    assert (ledger_dir / "journal.jsonl").read_text() == ""
    assert router.get_operation(paid.operation_id).state is State.SUCCEEDED
    assert router.charge(BOT, 10, idempotency_key="order-1").replayed


def test_what_a_live_process_is_at_work_on_is_left_alone(
    run: Run, router: BillingRouter, sandbox: StripeSandbox
) -> None:
    unknown = router.get_operation(lose(router, sandbox, executed=False))
    around = router._parts.runtime
    leased = replace(
        unknown,
        state=State.PENDING,
        lease_owner=str(around.holder()),
        lease_until_ms=around.now_ms() + 30_000,
    )
    router.records.save(leased)
    result = run("recover")
    assert "Left alone: 1 operation in progress in a live process." in result.stdout


def test_without_keys_it_says_so_once_and_changes_nothing(
    run: Run, router: BillingRouter, sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose(router, sandbox, executed=False)
    before = router.get_operation(lost)
    for variable in KEYS:
        monkeypatch.delenv(variable)
    result = run("recover", status=1)
    assert result.stderr.startswith("Error: missing_key: ")
    assert router.get_operation(lost) == before


def test_routes_are_not_needed(run: Run, router: BillingRouter, sandbox: StripeSandbox) -> None:
    lose(router, sandbox, executed=False)
    router.settings.routing_config.unlink()
    result = run("recover")
    assert "Finished: 1. Not finished: 0." in result.stdout
    assert str(router.settings.routing_config) in result.stderr


@pytest.mark.usefixtures("environment")
def test_a_place_without_a_ledger_is_an_error(run: Run, ledger_dir: Path) -> None:
    assert run("recover", status=1).stderr.startswith("Error: configuration: ")
    assert not ledger_dir.exists()


def test_a_database_that_is_away_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_LEDGER_URL", AWAY)
    result = run("recover", status=1)
    assert "Error: ledger_unavailable: " in result.stderr


def test_a_terminal_gets_a_bar_and_lines_that_fit(
    router: BillingRouter, sandbox: StripeSandbox, served: dict[str, str]
) -> None:
    lost = lose(router, sandbox, executed=False)
    router.freeze(BOT, reason="look first")
    screen = in_terminal(["recover"], served, columns=80)
    assert screen.status == 3
    (bar, *_) = [line for line in screen.lines if "operation 1 of 1" in line]
    assert f"{BOT} charge" in bar
    assert lost[:18] in screen.text
    assert "Not finished: 1." in screen.text
    assert "Traceback" not in screen.text
    after_the_bar = screen.lines[screen.lines.index(bar) + 1 :]
    assert max(map(len, after_the_bar)) <= 80


def test_every_state_that_may_be_left_has_its_advice() -> None:
    assert set(NEXT) == set(UNSETTLED) - {State.AWAITING_APPROVAL}
