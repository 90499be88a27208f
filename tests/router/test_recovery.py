"""What `recover` does with what dead processes left and with what nobody heard the end of."""

from dataclasses import replace
from typing import Any

import pytest

from stripe_billing_router import (
    AccountMismatchError,
    BillingRouter,
    OperationRolledBackError,
    OutcomeUnknownError,
)
from stripe_billing_router.core.operation import Operation, State
from stripe_billing_router.engine.rollback import RollbackManager
from support.platform import BOT, OTHER_BOT, Platform


def later(router: BillingRouter, *, hours: float) -> BillingRouter:
    """Turn a router's clock on, which nothing public can."""
    real = router._parts.runtime.now_ms
    object.__setattr__(router._parts.runtime, "now_ms", lambda: real() + int(hours * 3600 * 1000))
    return router


def lose(platform: Platform, path: str, act: Any, *, executed: bool) -> Operation:
    """Have one call end unknown at a step."""
    faults = platform.sandbox.faults
    if executed:
        faults.lose_reply(method="POST", path=path, times=50)
    else:
        faults.server_error(method="POST", path=path, times=50, executed=False, stored=False)
    with pytest.raises(OutcomeUnknownError):
        act(platform.router)
    faults.clear()
    return platform.operation(State.UNKNOWN)


ACTS: dict[str, tuple[str, Any]] = {
    "amount": ("/v1/payment_intents", lambda router: router.charge(BOT, 10)),
    "invoice": ("/v1/invoices", lambda router: router.charge(BOT)),
    "item": ("/v1/invoiceitems", lambda router: router.charge(BOT)),
    "finalize": ("/v1/invoices/*/finalize", lambda router: router.charge(BOT)),
    "pay": ("/v1/invoices/*/pay", lambda router: router.charge(BOT)),
    "subscription": ("/v1/subscriptions", lambda router: router.create_subscription(BOT)),
    "checkout": (
        "/v1/checkout/sessions",
        lambda router: router.create_checkout_session(BOT, {"success_url": "https://e.example"}),
    ),
    "customer": (
        "/v1/customers",
        lambda router: router.create_customer(BOT, {"email": "n@e.example"}),
    ),
}


def nothing_is_half_built(platform: Platform) -> bool:
    """No draft, open invoice or payable PaymentIntent is left."""
    invoices = {invoice["status"] for invoice in platform.sandbox.invoices.values()}
    intents = {intent["status"] for intent in platform.sandbox.payment_intents.values()}
    return invoices <= {"paid", "void"} and intents <= {"succeeded", "canceled"}


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("step", ACTS)
def test_a_young_operation_is_driven_to_its_end_once(
    platform: Platform, step: str, executed: bool
) -> None:
    path, act = ACTS[step]
    operation = lose(platform, path, act, executed=executed)
    report = platform.another_router().recover()
    assert [(done.operation_id, done.after) for done in report.operations] == [
        (operation.operation_id, State.SUCCEEDED)
    ]
    assert nothing_is_half_built(platform)
    assert len(platform.sandbox.effects()) == (1 if step not in ("checkout", "customer") else 0)
    assert platform.another_router().recover().operations == ()


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("step", ACTS)
def test_an_old_operation_is_read_cleaned_up_and_never_posted_again(
    platform: Platform, step: str, executed: bool
) -> None:
    path, act = ACTS[step]
    operation = lose(platform, path, act, executed=executed)
    platform.sandbox.advance(hours=30)
    platform.mark()
    report = later(platform.another_router(), hours=30).recover()
    (done,) = report.operations
    posts = [r.path for r in platform.requests if r.method == "POST"]
    assert all(post.endswith(("/void", "/cancel")) for post in posts), posts
    complete = executed and step not in ("invoice", "item", "finalize")
    assert done.after is (State.SUCCEEDED if complete else State.FAILED)
    assert nothing_is_half_built(platform)
    stored = platform.router.get_operation(operation.operation_id)
    money = [
        row
        for row in platform.rows
        if row.error == 0 and row.action_type in ("charge", "subscription")
    ]
    assert len(money) == len(platform.sandbox.effects())
    assert (stored.receipt is not None) == complete


@pytest.mark.parametrize("executed", [True, False])
def test_a_refund_is_found_by_its_payment(platform: Platform, executed: bool) -> None:
    for paid in (platform.router.charge(BOT, 10), platform.router.charge(BOT)):
        lose(
            platform,
            "/v1/refunds",
            lambda router, paid=paid: router.refund(BOT, paid.id, amount=4),
            executed=executed,
        )
    platform.sandbox.advance(hours=30)
    report = later(platform.another_router(), hours=30).recover()
    after = State.SUCCEEDED if executed else State.FAILED
    assert [done.after for done in report.operations] == [after, after]
    assert platform.sandbox.refunded_minor() == (800 if executed else 0)


def test_the_operation_of_a_frozen_bot_is_read_and_not_sent(platform: Platform) -> None:
    lose(platform, *ACTS["amount"], executed=False)
    platform.router.freeze(BOT, reason="look first")
    platform.mark()
    (done,) = platform.another_router().recover().operations
    assert done.after is State.UNKNOWN  # too young to believe that nothing is there
    assert [r for r in platform.requests if r.method == "POST"] == []
    platform.sandbox.advance(hours=1)
    (done,) = later(platform.another_router(), hours=1).recover().operations
    assert done.after is State.FAILED
    assert platform.sandbox.effects() == []


def test_what_stays_undecided_is_alerted_once(platform: Platform) -> None:
    lose(platform, *ACTS["amount"], executed=True)
    platform.sandbox.faults.server_error(method="GET", path="/v1/payment_intents*", times=None)
    platform.sandbox.advance(hours=30)
    seen: list[str] = []
    for _ in range(3):
        router = later(platform.another_router(), hours=30)
        router.register_alert_sink(lambda kind, *_: seen.append(kind))
        (done,) = router.recover().operations
        assert done.after is State.UNKNOWN
    assert seen == ["operation_undecided"]
    platform.sandbox.faults.clear()
    (done,) = later(platform.another_router(), hours=30).recover().operations
    assert done.after is State.SUCCEEDED


def test_of_two_recoveries_that_leave_it_undecided_one_alerts(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(platform, *ACTS["amount"], executed=True)
    platform.sandbox.faults.server_error(method="GET", path="/v1/payment_intents*", times=None)
    platform.sandbox.advance(hours=30)
    one, other = (later(platform.another_router(), hours=30) for _ in range(2))
    seen: list[BillingRouter] = []
    for router in (one, other):
        router.register_alert_sink(lambda *_, router=router: seen.append(router))
    find = one.records.find

    def find_and_be_overtaken(operation_id: str) -> Operation | None:
        found = find(operation_id)
        other.recover()
        return found

    monkeypatch.setattr(one.records, "find", find_and_be_overtaken)
    (done,) = one.recover().operations
    assert done.after is State.UNKNOWN
    assert seen == [other]


def test_a_rollback_that_a_dead_process_left_is_finished(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise MemoryError

    platform.sandbox.faults.foreign_account("acct_other", method="POST")
    with monkeypatch.context() as patched:
        patched.setattr(RollbackManager, "auto_rollback", dies)
        with pytest.raises(AccountMismatchError):
            platform.router.charge(BOT, 10, idempotency_key="order-1")
    held = platform.operation(State.ROLLING_BACK)
    with pytest.raises(OperationRolledBackError) as being_reversed:
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert being_reversed.value.money_moved == "unknown"
    platform.router.records.save(replace(held, lease_owner="elsewhere/1/1", lease_until_ms=0))
    (done,) = platform.another_router().recover().operations
    assert done.after is State.ROLLED_BACK
    assert platform.sandbox.refunded_minor() == 1000


def test_an_operation_that_is_at_work_is_left_alone(platform: Platform) -> None:
    unknown = lose(platform, *ACTS["amount"], executed=False)
    leased = replace(
        unknown,
        state=State.PENDING,
        lease_owner=str(platform.parts.runtime.holder()),
        lease_until_ms=platform.parts.runtime.now_ms() + 30_000,
    )
    platform.router.records.save(leased)
    report = platform.another_router().recover()
    assert (report.operations, report.in_progress) == ((), 1)


def test_two_recoveries_at_once_settle_each_operation_once(platform: Platform) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - Only here.

    for number in range(6):
        lose(
            platform,
            "/v1/payment_intents",
            lambda router, number=number: router.charge(OTHER_BOT, 1 + number),
            executed=False,
        )
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: platform.another_router().recover(), range(3)))
    assert platform.another_router().recover().operations == ()
    assert len(platform.sandbox.effects()) == 6
    assert [row.action_type for row in platform.rows if row.error == 0] == ["charge"] * 6


def test_a_recovery_that_another_one_overtakes_leaves_the_operation_to_it(
    platform: Platform,
) -> None:
    lose(platform, *ACTS["amount"], executed=False)
    expect_overtaken(platform, State.SUCCEEDED)
    assert [effect.kind for effect in platform.sandbox.effects()] == ["charge"]


def test_a_reversal_that_another_recovery_overtakes_is_left_to_it(platform: Platform) -> None:
    platform.sandbox.faults.foreign_account("acct_other", method="POST")
    platform.sandbox.faults.lose_reply(method="GET", path="/v1/payment_intents/*", times=None)
    with pytest.raises(AccountMismatchError):
        platform.router.charge(BOT, 10)
    platform.sandbox.faults.clear()
    assert platform.operation().state is State.ROLLING_BACK
    expect_overtaken(platform, State.ROLLED_BACK)
    assert [effect.kind for effect in platform.sandbox.effects()] == ["charge", "refund"]


def expect_overtaken(platform: Platform, after: State) -> None:
    """Let a recovery find that another one has finished what it has just listed."""
    quicker = platform.another_router()

    def overtake(*_: object) -> None:
        quicker.recover()

    report = platform.another_router().recover(progress=overtake)
    assert [done.after for done in report.operations] == [after]


def test_a_processing_payment_is_settled_when_it_is_final(platform: Platform) -> None:
    platform.sandbox.add_payment_method("pm_slow", "processes", customer="cus_finance_default")
    receipt = platform.router.charge(BOT, 10, payment_method="pm_slow")
    (done,) = platform.another_router().recover().operations
    assert done.after is State.OPEN
    platform.sandbox.settle_payment(receipt.id)
    (done,) = platform.another_router().recover().operations
    assert done.after is State.SUCCEEDED
    assert ("charge", 0) in platform.kinds
