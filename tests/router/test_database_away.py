"""Charges while the database is away: written to files, looked up at Stripe, returned once."""

import json
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router import (
    BillingRouter,
    BotFrozenError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    PaymentDeclinedError,
)
from stripe_billing_router.core.operation import State
from support.platform import BOT, Platform

AWAY = "postgresql://nobody@127.0.0.1:9/none"


def host(platform: Platform, name: str, **settings: Any) -> BillingRouter:
    """Return a router of another host, whose files nobody else sees, with the database away."""
    return platform.another_router(ledger_url=AWAY, ledger_dir=platform.folder / name, **settings)


def days_later(platform: Platform, router: BillingRouter, *, hours: float) -> BillingRouter:
    """Let time pass, at Stripe and for one router."""
    platform.sandbox.advance(hours=hours)
    real = router._parts.runtime.now_ms
    later_ms = int(hours * 3600 * 1000)
    object.__setattr__(router._parts.runtime, "now_ms", lambda: real() + later_ms)
    return router


def lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / "stripe_ledger.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_keyed_charge_asks_stripe_first_what_came_of_its_key(platform: Platform) -> None:
    first = platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.mark()
    again = host(platform, "other").charge(BOT, 10, idempotency_key="order-1")
    assert (again.id, again.paid, again.replayed) == (first.id, True, True)
    assert [r for r in platform.requests if r.method == "POST"] == []
    assert platform.sandbox.captured_minor() == 1000


@pytest.mark.parametrize("hours", [0, 48])
def test_two_hosts_that_cannot_see_each_others_files_pay_once(
    platform: Platform, hours: int
) -> None:
    paid = host(platform, "a").charge(BOT, 10, idempotency_key="order-1")
    again = days_later(platform, host(platform, "b"), hours=hours).charge(
        BOT, 10, idempotency_key="order-1"
    )
    assert again.id == paid.id
    assert platform.sandbox.captured_minor() == 1000


def test_by_price_and_a_refund_too(platform: Platform) -> None:
    paid = host(platform, "a").charge(BOT, idempotency_key="order-1")
    assert host(platform, "b").charge(BOT, idempotency_key="order-1").id == paid.id
    back = host(platform, "a").refund(BOT, paid.id, amount=5, idempotency_key="r-1")
    assert host(platform, "b").refund(BOT, paid.id, amount=5, idempotency_key="r-1").id == back.id
    subscribed = host(platform, "a").create_subscription(BOT, idempotency_key="s-1")
    again = host(platform, "b").create_subscription(BOT, idempotency_key="s-1")
    assert (again.id, again.amount) == (subscribed.id, subscribed.amount)
    assert platform.sandbox.captured_minor() == 2000 + 900
    assert platform.sandbox.refunded_minor() == 500


def test_what_stripe_cannot_say_is_refused(platform: Platform) -> None:
    router = host(platform, "a")
    platform.sandbox.faults.server_error(method="GET", path="/v1/payment_intents*", times=50)
    with pytest.raises(LedgerUnavailableError) as caught:
        router.charge(BOT, 10, idempotency_key="order-1")
    assert caught.value.money_moved == "unknown"  # another host may have paid with this key
    platform.sandbox.faults.clear()
    assert router.charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() == 1000


def test_an_invoice_that_another_host_left_half_built_is_finished(platform: Platform) -> None:
    faults = platform.sandbox.faults
    faults.lose_reply(method="POST", path="/v1/invoices/*/finalize", times=50)
    with pytest.raises(OutcomeUnknownError):
        host(platform, "a").charge(BOT, idempotency_key="order-1")
    faults.clear()
    assert host(platform, "b").charge(BOT, idempotency_key="order-1").paid
    assert [invoice["status"] for invoice in platform.sandbox.invoices.values()] == ["paid"]
    assert platform.sandbox.captured_minor() == 2000


def lose_an_invoice(platform: Platform) -> None:
    faults = platform.sandbox.faults
    faults.lose_reply(method="POST", path="/v1/invoices/*/finalize", times=50)
    with pytest.raises(OutcomeUnknownError):
        host(platform, "a").charge(BOT, idempotency_key="order-1")
    faults.clear()


def test_the_host_that_left_it_half_built_finishes_it_too(platform: Platform) -> None:
    lose_an_invoice(platform)
    assert host(platform, "a").charge(BOT, idempotency_key="order-1").paid
    assert [invoice["status"] for invoice in platform.sandbox.invoices.values()] == ["paid"]


def test_what_was_left_half_built_for_a_day_is_not_sent_again(platform: Platform) -> None:
    lose_an_invoice(platform)
    router = days_later(platform, host(platform, "b"), hours=25)
    platform.mark()
    with pytest.raises(LedgerUnavailableError):
        router.charge(BOT, idempotency_key="order-1")
    assert [r for r in platform.requests if r.method == "POST"] == []


def test_a_retry_of_an_unknown_charge_is_refused_while_stripe_cannot_be_asked(
    platform: Platform,
) -> None:
    lose_an_invoice(platform)
    platform.sandbox.faults.server_error(method="GET", path="/v1/invoices*", times=50)
    with pytest.raises(LedgerUnavailableError) as caught:
        host(platform, "a").charge(BOT, idempotency_key="order-1")
    assert caught.value.money_moved == "unknown"


def test_after_a_decline_elsewhere_it_is_a_new_attempt(platform: Platform) -> None:
    with pytest.raises(PaymentDeclinedError):
        host(platform, "a").charge(
            BOT, 10, payment_method="pm_card_chargeDeclined", idempotency_key="order-1"
        )
    paid = host(platform, "b").charge(
        BOT, 10, payment_method="pm_card_visa", idempotency_key="order-1"
    )
    assert paid.paid
    assert platform.sandbox.payment_intents[paid.id]["metadata"]["sbr_attempt"] == "2"


def test_what_was_written_meanwhile_returns_once_when_the_database_is_back(
    platform: Platform,
) -> None:
    away = platform.another_router(ledger_url=AWAY)
    paid = away.charge(BOT, 10, idempotency_key="order-1")
    assert len(lines(platform.folder / "finance_logs")) == 1
    report = platform.router.recover()
    assert report.drained > 0
    assert platform.router.recover().drained == 0
    assert [row.action_type for row in platform.rows] == ["charge"]
    stored = platform.router.get_operation(paid.operation_id)
    assert stored.state is State.SUCCEEDED
    assert platform.router.charge(BOT, 10, idempotency_key="order-1").replayed
    assert platform.sandbox.captured_minor() == 1000


def test_a_freeze_that_was_seen_holds_while_the_database_is_away(platform: Platform) -> None:
    platform.router.freeze(BOT, reason="look first")
    platform.another_router().records.freezes()
    with pytest.raises(BotFrozenError):
        platform.router.charge(BOT, 10)
    away = platform.another_router(ledger_url=AWAY)
    with pytest.raises(BotFrozenError):
        away.charge(BOT, 10)
