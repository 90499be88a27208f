"""A new operation is one file (`support/deposit.py`) and one row: everything else is there."""

from dataclasses import replace

import pytest

from stripe_billing_router import (
    AccountMismatchError,
    IdempotencyConflictError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    Receipt,
)
from stripe_billing_router.assembly import Surroundings, own_runtime
from stripe_billing_router.core.operation import State
from stripe_billing_router.domain.operations.table import OPERATIONS
from support.deposit import DEPOSIT, intent_to_deposit
from support.platform import BOT, Platform

AWAY = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture(autouse=True)
def one_row_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, DEPOSIT.kind, DEPOSIT)


def deposit(platform: Platform, key: str | None = "stay-1", amount_minor: int = 5000) -> Receipt:
    intent = intent_to_deposit(BOT, "cus_finance_default", amount_minor)
    return platform.parts.intake.execute(intent, key)


def test_it_is_journalled_taken_once_and_in_the_ledger(platform: Platform) -> None:
    first, again = deposit(platform), deposit(platform)
    assert (first.paid, first.replayed, again.replayed) == (True, False, True)
    assert first == again
    assert platform.sandbox.captured_minor() == 5000
    assert platform.kinds == [("deposit", 0)]
    assert platform.operation(State.SUCCEEDED).action == "deposit"
    with pytest.raises(IdempotencyConflictError):
        deposit(platform, amount_minor=6000)


def test_a_lost_reply_is_settled_by_the_same_key(platform: Platform) -> None:
    platform.sandbox.faults.lose_reply(method="POST", path="/v1/payment_intents")
    with pytest.raises(OutcomeUnknownError):
        deposit(platform)
    assert deposit(platform).paid
    assert platform.sandbox.captured_minor() == 5000


def test_a_decline_is_one(platform: Platform) -> None:
    platform.sandbox.faults.decline(path="/v1/payment_intents")
    with pytest.raises(PaymentDeclinedError):
        deposit(platform)
    assert deposit(platform).paid
    assert platform.kinds == [("deposit", 1), ("deposit", 0)]


def test_recovery_finds_it_by_reading(platform: Platform) -> None:
    platform.sandbox.faults.server_error(
        method="POST", path="/v1/payment_intents", times=None, executed=True
    )
    with pytest.raises(OutcomeUnknownError):
        deposit(platform)
    platform.sandbox.faults.clear()
    platform.sandbox.advance(hours=48)
    now_ms = own_runtime().now_ms
    later = replace(own_runtime(), now_ms=lambda: now_ms() + 48 * 3_600_000)
    router = platform.another_router(surroundings=Surroundings(later))
    (done,) = router.recover().operations
    assert (done.before, done.after) == (State.UNKNOWN, State.SUCCEEDED)
    assert platform.sandbox.captured_minor() == 5000


def test_another_host_finds_it_with_the_database_unavailable(platform: Platform) -> None:
    first = deposit(platform)
    other = platform.another_router(ledger_url=AWAY, ledger_dir=platform.folder / "other")
    intent = intent_to_deposit(BOT, "cus_finance_default", 5000)
    assert other._parts.intake.execute(intent, "stay-1").id == first.id
    assert platform.sandbox.captured_minor() == 5000


def test_a_mismatch_reverses_it(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account("acct_foreign1", where="header", method="POST")
    with pytest.raises(AccountMismatchError):
        deposit(platform)
    assert platform.sandbox.refunded_minor() == platform.sandbox.captured_minor() == 5000
    assert platform.operation().state is State.ROLLED_BACK
