"""A database, spool files and receipts of the version before are read as they were."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from stripe_billing_router import (
    BillingRouter,
    BotFrozenError,
    OperationInProgressError,
    OperationRolledBackError,
    Receipt,
)
from stripe_billing_router.assembly import Surroundings, own_runtime
from stripe_billing_router.core.operation import MONEY_ACTIONS, State
from support.platform import BOT, OTHER_BOT, Platform


def again(router: BillingRouter, key: str, receipts: dict[str, Receipt]) -> Receipt:
    """Make the call of this business key once more."""
    if key == "order-1":
        return router.charge(BOT, "10.00", idempotency_key=key, metadata={"order": "1"})
    if key == "price-1":
        return router.charge(BOT, idempotency_key=key)
    if key == "sub-1":
        return router.create_subscription(BOT, idempotency_key=key)
    if key == "refund-1":
        return router.refund(BOT, receipts["order-1"].id, amount="4.00", idempotency_key=key)
    if key == "checkout-1":
        page = {"success_url": "https://example.com/s"}
        return router.create_checkout_session(BOT, page, idempotency_key=key)
    if key == "customer-1":
        return router.create_customer(BOT, {"email": "new@example.com"}, idempotency_key=key)
    assert key == "spooled-1"
    return router.charge(BOT, "8.00", idempotency_key=key)


@pytest.mark.parametrize(
    "key", ["order-1", "price-1", "sub-1", "refund-1", "checkout-1", "customer-1"]
)
def test_a_key_of_the_database_returns_its_receipt_without_a_request(
    upgraded: Platform, receipts: dict[str, Receipt], key: str
) -> None:
    before = receipts[key]
    upgraded.mark()
    found = again(upgraded.router, key, receipts)
    assert found == before
    assert (found.paid, found.amount, found.currency) == (
        before.paid, before.amount, before.currency,
    )  # fmt: skip
    assert found.replayed
    assert [path for path in upgraded.paths if path != "GET /v1/account"] == []


def test_its_ledger_adds_up_and_goes_on(upgraded: Platform) -> None:
    before = [row for row in upgraded.rows if not row.error and row.action_type in MONEY_ACTIONS]
    assert Counter(row.action_type for row in before) == Counter(
        {"charge": 2, "subscription": 1, "refund": 1}
    )
    assert sum(row.amount or 0 for row in before if row.action_type == "charge") == Decimal("30.00")
    assert upgraded.router.charge(BOT, "1.00", idempotency_key="order-2").paid
    assert len(upgraded.rows) == 12 + 1


def test_a_reversed_key_and_a_frozen_bot_stay_so(upgraded: Platform) -> None:
    with pytest.raises(OperationRolledBackError):
        upgraded.router.charge(OTHER_BOT, "7.00", idempotency_key="reversed-1")
    with pytest.raises(BotFrozenError):
        upgraded.router.charge(OTHER_BOT, "1.00", idempotency_key="order-2")


def test_a_declined_key_starts_its_next_attempt(upgraded: Platform) -> None:
    upgraded.sandbox.add_customer("cus_broke", payment_method="pm_card_visa")
    assert upgraded.router.charge(
        BOT, "5.00", customer_id="cus_broke", idempotency_key="declined-1"
    ).paid
    assert upgraded.operation(State.SUCCEEDED).attempt in (1, 2)
    (stored,) = [
        operation
        for operation in upgraded.router.records.operations(limit=None)
        if operation.idempotency_key == "declined-1"
    ]
    assert (stored.attempt, stored.state) == (2, State.SUCCEEDED)


def test_what_was_unknown_blocks_its_natural_retry_and_is_recovered(upgraded: Platform) -> None:
    with pytest.raises(OperationInProgressError) as refused:
        upgraded.router.charge(BOT, "6.00")
    assert refused.value.idempotency_key == "unknown-1"
    # A month later Stripe of this test, which has nothing of it, proves that nothing was taken.
    upgraded.sandbox.advance(days=30)
    now_ms = own_runtime().now_ms
    later = replace(own_runtime(), now_ms=lambda: now_ms() + 30 * 86_400_000)
    router = upgraded.another_router(surroundings=Surroundings(later))
    (unknown,) = [one for one in router.recover().operations if one.before is State.UNKNOWN]
    assert unknown.after is State.FAILED


def test_the_spool_is_replayed_once_and_its_keys_are_known(
    with_spool: Platform, receipts: dict[str, Receipt]
) -> None:
    router = with_spool.router
    report = router.recover()
    assert report.drained > 0
    with_spool.mark()
    found = again(router, "spooled-1", receipts)
    assert (found == receipts["spooled-1"], found.replayed, found.paid) == (True, True, True)
    assert [path for path in with_spool.paths if path != "GET /v1/account"] == []
    assert router.recover().drained == 0
    kinds = Counter(with_spool.kinds)
    assert (kinds["charge", 0], kinds["charge", 1], kinds["freeze", 0]) == (1, 1, 1)
    assert [freeze.pattern for freeze in router.records.freezes()] == ["spooled:*"]


def test_receipts_that_were_pickled_are_receipts(receipts: dict[str, Receipt]) -> None:
    paid = receipts["order-1"]
    assert type(paid) is Receipt
    assert (paid.paid, paid.amount, paid["status"]) == (True, Decimal("10.00"), "succeeded")
    assert "client_secret" not in paid


def test_the_object_is_stored_once(tmp_path: Path, upgraded: Platform) -> None:
    """The ledger row has Stripe's object for both; the journal has what names it."""
    upgraded.router.charge(
        BOT, "3.21", idempotency_key="order-3", metadata={"order": "a-mark-to-count"}
    )
    with closing(sqlite3.connect(tmp_path / "finance_logs" / "stripe_ledger.db")) as database:
        (journal,) = database.execute(
            "SELECT steps || coalesce(result, '') FROM stripe_operations "
            "WHERE idempotency_key = 'order-3'"
        ).fetchone()
        rows = database.execute("SELECT raw_event_json FROM stripe_ledger").fetchall()
    assert sum("a-mark-to-count" in raw for (raw,) in rows) == 1
    replies = [step["reply"] for step in json.loads(journal.partition("]{")[0] + "]")]
    assert set(replies[-1]) == {"id", "object", "status", "metadata"}
    assert "amount_received" not in journal
