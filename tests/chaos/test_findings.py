"""What killed bots and the state machine have shown: each of these once went wrong."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router import (
    AccountMismatchError,
    BillingError,
    BillingRouter,
    InvalidKeyError,
    LedgerUnavailableError,
    OperationRolledBackError,
    OutcomeUnknownError,
    RateLimitedError,
    Receipt,
)
from stripe_billing_router.core.operation import State
from support.mortal import DeadProcess, Moment, World
from support.platform import BOT, SECRET_KEY, Platform, platform_in

AWAY = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with platform_in(tmp_path) as built:
        yield built


@pytest.fixture
def world() -> Iterator[World]:
    built = World()
    try:
        yield built
    finally:
        built.close()


def host(platform: Platform, name: str, **settings: Any) -> BillingRouter:
    """Return a router of another host, with files of its own, with the database unavailable."""
    return platform.another_router(ledger_url=AWAY, ledger_dir=platform.folder / name, **settings)


def test_stripe_is_asked_again_after_it_could_not_say_what_came_of_a_key(
    platform: Platform,
) -> None:
    first = platform.router.charge(BOT, 10, idempotency_key="order-1")
    away = host(platform, "other")
    platform.sandbox.faults.server_error(method="GET", path="/v1/payment_intents*", times=None)
    with pytest.raises(LedgerUnavailableError):
        away.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    again = away.charge(BOT, 10, idempotency_key="order-1")
    assert platform.sandbox.captured_minor() == 1000
    assert again.id == first.id


def test_a_refused_send_on_one_host_is_no_new_attempt_beside_the_others_payment(
    platform: Platform,
) -> None:
    limited = host(platform, "b")
    platform.sandbox.faults.rate_limit(method="POST")
    with pytest.raises(RateLimitedError):
        limited.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    paid = host(platform, "a").charge(BOT, 10, idempotency_key="order-1")
    again = limited.charge(BOT, 10, idempotency_key="order-1")
    assert platform.sandbox.captured_minor() == 1000
    assert again.id == paid.id


def test_a_refused_send_that_the_journal_learns_of_late_does_not_pay_again(world: World) -> None:
    """One host pays, the other is told to slow down; that one's files come back first."""
    world.database_away = True
    paying, limited = world.start_process(host=0), world.start_process(host=1)
    paid = paying.charge(BOT, 10, idempotency_key="order-1")
    world.sandbox.faults.server_error(method="GET", path="/v1/payment_intents", times=None)
    with pytest.raises(BillingError):
        limited.charge(BOT, 10, idempotency_key="order-1")
    world.sandbox.faults.clear()
    world.database_away = False
    again = world.start_process(host=1).charge(BOT, 10, idempotency_key="order-1")
    assert world.sandbox.captured_minor() == 1000
    assert again.id == paid.id


def test_what_a_killed_bot_left_half_removed_is_removed_with_the_database_away(
    world: World,
) -> None:
    bot = world.start_process(host=0)
    # It dies between the decline and the cancellation of the PaymentIntent.
    world.sandbox.faults.decline()
    world.process_of(bot).moment = Moment("dies_before", 5)
    with pytest.raises(DeadProcess):
        bot.charge(BOT, 10, idempotency_key="order-1")
    (left,) = world.sandbox.payment_intents.values()
    assert left["status"] == "requires_payment_method"
    world.database_away = True
    away = world.start_process(host=1)
    with pytest.raises(BillingError):
        away.charge(BOT, 10, idempotency_key="order-1")
    world.database_away = False
    for number in (1, 0):
        world.start_process(host=number).recover()
    world.pass_time(30 * 3600)
    for number in (1, 0):
        world.start_process(host=number).recover()
    states = {operation.state for operation in away.records.operations()}
    intents = {intent["status"] for intent in world.sandbox.payment_intents.values()}
    assert (states, intents) == ({State.FAILED}, {"canceled"})


@pytest.mark.parametrize(
    "make",
    [
        lambda bot: bot.create_checkout_session(
            BOT, {"success_url": "https://shop.example"}, idempotency_key="order-1"
        ),
        lambda bot: bot.create_customer(BOT, {"email": "n@e.example"}, idempotency_key="order-1"),
    ],
)
def test_what_takes_no_money_itself_is_made_once_too(
    world: World, make: Callable[[BillingRouter], Receipt]
) -> None:
    """Two pages for one order, and the customer may pay on both."""
    made = make(world.start_process())
    world.database_away = True
    world.pass_time(25 * 3600)  # Stripe has forgotten the step's key.
    again = make(world.start_process())
    assert (again.id, again.replayed) == (made.id, True)


def test_what_a_decline_left_is_removed_though_the_key_cannot_be_proven_meanwhile(
    world: World,
) -> None:
    world.sandbox.faults.decline()
    world.sandbox.faults.server_error(method="GET", path="/v1/payment_intents/*", times=None)
    with pytest.raises(OutcomeUnknownError):
        world.start_process().charge(BOT, 10, idempotency_key="order-1")
    world.sandbox.faults.server_error(method="GET", path="/v1/account", times=None)
    world.start_process().recover()
    world.sandbox.faults.clear()
    world.start_process().recover()
    (left,) = world.sandbox.payment_intents.values()
    assert left["status"] == "canceled"


@pytest.mark.parametrize(
    "make",
    [
        lambda bot: bot.charge(BOT, 10, idempotency_key="order-1"),
        lambda bot: bot.create_customer(BOT, {"email": "n@e.example"}, idempotency_key="order-1"),
    ],
)
def test_what_another_process_has_reversed_meanwhile_is_no_success(
    world: World, make: Callable[[BillingRouter], Receipt]
) -> None:
    """A bot stands still before its request; `recover` sends it, and sees a foreign account."""
    slow = world.start_process()
    slow.charge(BOT, 5)  # What is read of key and customer is known.
    world.sandbox.faults.foreign_account("acct_other", method="POST")

    def meanwhile() -> None:
        world.pass_time(31)
        world.start_process(host=1).recover()

    world.meanwhile = meanwhile
    world.process_of(slow).moment = Moment("waits_before", 1)
    with pytest.raises(OperationRolledBackError):
        make(slow)
    assert [kind for kind, _ in world.alerts] == ["critical_discrepancy"]


def test_a_success_that_comes_after_another_heard_nothing_is_no_alarm(world: World) -> None:
    slow = world.start_process()
    slow.charge(BOT, 5)
    world.sandbox.faults.not_json(method="POST")

    def meanwhile() -> None:
        world.pass_time(31)
        with pytest.raises(OutcomeUnknownError):
            world.start_process(host=1).charge(BOT, 10, idempotency_key="order-1")

    world.meanwhile = meanwhile
    world.process_of(slow).moment = Moment("waits_before", 1)
    paid = slow.charge(BOT, 10, idempotency_key="order-1")
    assert world.alerts == []
    world.start_process().recover()
    again = world.start_process().charge(BOT, 10, idempotency_key="order-1")
    assert (again.id, again.replayed) == (paid.id, True)
    assert world.sandbox.captured_minor() == 1500


@pytest.mark.parametrize("spilled", [False, True])
def test_nothing_is_taken_later_of_what_was_refused_for_its_key(
    world: World, *, spilled: bool
) -> None:
    """The bot is told "no" for good; whoever recovers must not charge after that."""
    world.database_away = spilled
    world.sandbox.revoke(SECRET_KEY)
    bot = world.start_process()
    with pytest.raises(InvalidKeyError) as refused:
        bot.charge(BOT, 10, idempotency_key="order-1")
    # With the database unavailable no host knows what was paid with this key before.
    assert refused.value.money_moved == ("unknown" if spilled else "no")
    world.database_away = False
    world.pass_time(60)
    report = world.start_process().recover()
    assert report.operations == ()
    assert [operation.state for operation in bot.records.operations()] == [State.FAILED]


def end_unknown(bot: BillingRouter, world: World) -> None:
    """Have a charge taken whose answers are all lost."""
    world.sandbox.faults.lose_reply(method="POST", times=None)
    with pytest.raises(OutcomeUnknownError):
        bot.charge(BOT, 10, idempotency_key="order-1")
    world.sandbox.faults.clear()


def expect_paid_once_days_later(world: World) -> None:
    world.database_away = False
    world.start_process(host=0).recover()
    world.start_process(host=1).recover()
    world.pass_time(25 * 3600)  # Stripe has forgotten the step's key.
    assert world.start_process().charge(BOT, 10, idempotency_key="order-1").paid
    assert world.sandbox.captured_minor() == 1000
    assert [row.error for row in world.start_process().records.ledger()].count(0) == 1
    assert "journal_conflict" not in dict(world.alerts)


@pytest.mark.parametrize("host", [0, 1])
def test_a_refusal_while_the_database_is_away_does_not_settle_what_was_unknown_before(
    world: World, host: int
) -> None:
    end_unknown(world.start_process(), world)
    world.database_away = True
    world.sandbox.faults.server_error(method="GET", times=None)
    with pytest.raises(LedgerUnavailableError):
        world.start_process(host=host).charge(BOT, 10, idempotency_key="order-1")
    world.sandbox.faults.clear()
    expect_paid_once_days_later(world)


@pytest.mark.parametrize("host", [0, 1])
@pytest.mark.parametrize("unknown", [True, False])
def test_what_comes_after_a_refused_send_counts_once_the_database_is_back(
    world: World, host: int, *, unknown: bool
) -> None:
    """The refusal and what followed it have the same step keys, so they are one attempt."""
    world.database_away = True
    world.sandbox.faults.rate_limit(method="POST")
    with pytest.raises(RateLimitedError):
        world.start_process(host=0).charge(BOT, 10, idempotency_key="order-1")
    world.sandbox.faults.clear()
    if unknown:
        end_unknown(world.start_process(host=host), world)
    else:
        world.start_process(host=host).charge(BOT, 10, idempotency_key="order-1")
    expect_paid_once_days_later(world)


def test_a_key_that_is_revoked_between_looking_and_sending_uses_up_no_attempt(
    world: World,
) -> None:
    """Of two hosts that do not see each other, one pays and hears nothing; one sends nothing."""
    world.database_away = True
    other = world.start_process(host=1)
    other._parts.keyring.verified_gateway(other._parts.keyring.keys.master_account_id)
    process = world.process_of(other)
    process.moment = Moment("waits_after", 1)  # It has looked for what was made before.

    def meanwhile() -> None:
        end_unknown(world.start_process(host=0), world)
        other._parts.keyring.distrust()
        world.sandbox.revoke(SECRET_KEY)

    world.meanwhile = meanwhile
    with pytest.raises(InvalidKeyError):
        other.charge(BOT, 10, idempotency_key="order-1")
    world.sandbox._service.keys.revoked.clear()
    expect_paid_once_days_later(world)


@pytest.mark.parametrize("first_back", [0, 1])
@pytest.mark.parametrize("reversed_at_once", [True, False])
def test_what_one_host_took_for_good_and_another_had_reversed_adds_up_to_nothing(
    world: World, first_back: int, *, reversed_at_once: bool
) -> None:
    """The database goes while the intent is written, so that two hosts finish the same charge."""
    world.database_leaves_in = 0
    world.sandbox.faults.foreign_account("acct_other", method="POST")
    if not reversed_at_once:
        world.sandbox.faults.lose_reply(method="GET", path="/v1/payment_intents/*", times=None)
    with pytest.raises(AccountMismatchError):
        world.start_process(host=1).charge(BOT, 10, idempotency_key="order-1")
    assert ("rollback_incomplete" in dict(world.alerts)) is not reversed_at_once
    world.sandbox.faults.clear()
    if first_back == 1:  # The other one finishes it in its files, and they come back last.
        world.database_away, world.database_leaves_in = False, None
        world.pass_time(40)
        other = world.start_process(host=0)
        world.database_leaves_in = 1
        other.recover()
    world.database_away, world.database_leaves_in = False, None
    for host in (first_back, 1 - first_back, 0, 1):
        world.pass_time(40)
        world.start_process(host=host).recover()
    router = world.start_process()
    (operation,) = router.records.operations()
    assert operation.state is State.ROLLED_BACK
    money = [
        (row.action_type, row.amount)
        for row in router.records.ledger(error=False)
        if row.action_type in ("charge", "refund")
    ]
    assert sorted(money) == [("charge", Decimal("10.00")), ("refund", Decimal("10.00"))]
    assert world.sandbox.captured_minor() == 1000
    assert sum(e.amount_minor for e in world.sandbox.effects() if e.kind == "refund") == 1000
    assert "journal_conflict" in dict(world.alerts)  # and a person looks at it


def test_what_cannot_be_looked_up_is_not_said_to_have_moved_nothing(world: World) -> None:
    """The key was paid; then neither the database nor Stripe can be asked about it."""
    assert world.start_process().charge(BOT, 10, idempotency_key="order-1").paid
    world.database_away = True
    world.sandbox.faults.lose_reply(method="GET", times=None)
    with pytest.raises(LedgerUnavailableError) as caught:
        world.start_process(host=1).charge(BOT, 10, idempotency_key="order-1")
    assert (caught.value.money_moved, caught.value.retryable) == ("unknown", True)
