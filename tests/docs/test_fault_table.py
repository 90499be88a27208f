"""Each row of docs/faults.md is so: it is done here, or it names the test that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stripe_billing_router import BillingError, BillingRouter, Receipt
from stripe_billing_router.assembly import Surroundings, own_runtime
from stripe_billing_router.core.operation import State
from support.pages import ROOT, rows
from support.platform import BOT, SECRET_KEY, Platform, platform_in
from support.records import now_ms

TABLE = {row[0]: row for row in rows(ROOT / "docs" / "faults.md", "fault")}
AWAY = "postgresql://nobody@127.0.0.1:9/none"
INTENTS: dict[str, Any] = {"method": "POST", "path": "/v1/payment_intents"}

Scenario = Callable[[Platform], Any]
SCENARIOS: dict[str, Scenario] = {}


def row(name: str) -> Callable[[Scenario], Scenario]:
    """Say which row a scenario is of."""

    def add(scenario: Scenario) -> Scenario:
        SCENARIOS[name] = scenario
        return scenario

    return add


def pay(router: BillingRouter, key: str = "order-1") -> Receipt:
    return router.charge(BOT, 10, idempotency_key=key)


def patient(platform: Platform) -> BillingRouter:
    """Return a router that has the time to send a step twice."""
    return platform.another_router(give_up_after_s=1.2)


def end_unknown(platform: Platform, *, executed: bool) -> None:
    platform.sandbox.faults.server_error(**INTENTS, times=None, executed=executed)
    with suppress(BillingError):
        pay(platform.router)
    platform.sandbox.faults.clear()


def days_later(platform: Platform) -> BillingRouter:
    """Let two days pass, at Stripe and here."""
    ahead_ms = 48 * 3_600_000
    platform.sandbox.advance(hours=48)
    runtime = replace(own_runtime(), now_ms=lambda: now_ms() + ahead_ms)
    return platform.another_router(surroundings=Surroundings(runtime))


# --- at Stripe ------------------------------------------------------------------------------------


@row("One reply is lost")
def one_reply_is_lost(platform: Platform) -> Any:
    platform.sandbox.faults.lose_reply(**INTENTS)
    return pay(patient(platform))


@row("Replies stay lost")
def replies_stay_lost(platform: Platform) -> Any:
    platform.sandbox.faults.lose_reply(**INTENTS, times=None)
    return pay(platform.router)


@row("No answer in time")
def no_answer_in_time(platform: Platform) -> Any:
    platform.sandbox.faults.delay(5, **INTENTS)
    limits = {"call_timeout_s": 0.3, "read_timeout_s": 0.3}
    with platform.sandbox.serve() as server:
        try:
            return pay(platform.another_router(http_client=None, api_base=server.url, **limits))
        finally:
            platform.sandbox.faults.clear()


@row("The connection is refused")
def the_connection_is_refused(platform: Platform) -> Any:
    platform.sandbox.faults.refuse(**INTENTS, times=None)
    return pay(platform.router)


@row("One 5xx")
def one_5xx(platform: Platform) -> Any:
    platform.sandbox.faults.server_error(**INTENTS, executed=True)
    return pay(patient(platform))


@row("A 5xx that stays")
def a_5xx_that_stays(platform: Platform) -> Any:
    platform.sandbox.faults.server_error(**INTENTS, times=None, executed=True)
    return pay(platform.router)


@row("A stored 500 that took the money")
def a_stored_500_that_took_the_money(platform: Platform) -> Any:
    platform.sandbox.faults.server_error(**INTENTS, stored=True, executed=True)
    return pay(patient(platform))


@row("A stored 500 that took nothing")
def a_stored_500_that_took_nothing(platform: Platform) -> Any:
    platform.sandbox.faults.server_error(**INTENTS, stored=True)
    with suppress(BillingError):
        pay(platform.router)
    return pay(platform.router)


@row("409, the key is in use")
def the_key_is_in_use(platform: Platform) -> Any:
    platform.sandbox.faults.conflict(**INTENTS, times=None)
    return pay(platform.router)


@row("429")
def limited(platform: Platform) -> Any:
    platform.sandbox.faults.rate_limit(30, **INTENTS)
    return pay(platform.router)


@row("Half an answer")
def half_an_answer(platform: Platform) -> Any:
    platform.sandbox.faults.truncate(**INTENTS, times=None)
    return pay(platform.router)


@row("An answer that is not JSON")
def an_answer_that_is_no_json(platform: Platform) -> Any:
    platform.sandbox.faults.not_json(**INTENTS, times=None)
    return pay(platform.router)


@row("The card is declined")
def the_card_is_declined(platform: Platform) -> Any:
    platform.sandbox.faults.decline()
    return pay(platform.router)


@row("A charge by price stops between two steps")
def a_charge_by_price_stops_half_way(platform: Platform) -> Any:
    platform.sandbox.faults.lose_reply(method="POST", path="/v1/invoiceitems", times=None)
    return platform.router.charge(BOT, idempotency_key="order-1")


@row("The key is revoked")
def the_key_is_revoked(platform: Platform) -> Any:
    pay(platform.router, "before")
    platform.sandbox.revoke(SECRET_KEY)
    return pay(platform.router)


# --- processes and hosts --------------------------------------------------------------------------


@row("Killed on another host")
def killed_on_another_host(platform: Platform) -> Any:
    end_unknown(platform, executed=False)
    held = replace(
        platform.operation(State.UNKNOWN),
        state=State.PENDING,
        lease_owner="elsewhere/1/1",
        lease_until_ms=now_ms() + 30_000,
    )
    platform.router.records.save(held)
    return pay(platform.router)


@row("The bot forgot its key, and calls again without one")
def the_bot_forgot_its_key(platform: Platform) -> Any:
    end_unknown(platform, executed=True)
    return platform.router.charge(BOT, 10)


@row("The key comes with another amount")
def another_amount(platform: Platform) -> Any:
    pay(platform.router)
    return platform.router.charge(BOT, 11, idempotency_key="order-1")


# --- the records ----------------------------------------------------------------------------------


@row("The database is unavailable before the call")
def the_database_is_away(platform: Platform) -> Any:
    return pay(platform.another_router(ledger_url=AWAY))


@row("It is unavailable, and the call has no key")
def the_database_is_away_without_a_key(platform: Platform) -> Any:
    return platform.another_router(ledger_url=AWAY).charge(BOT, 10)


@row("It is unavailable, and Stripe cannot be asked")
def both_are_away(platform: Platform) -> Any:
    path = "/v1/payment_intents*"
    platform.sandbox.faults.server_error(method="GET", path=path, times=None)
    return pay(platform.another_router(ledger_url=AWAY))


@row("It is unavailable, and database_away is refuse")
def it_is_refused(platform: Platform) -> Any:
    return pay(platform.another_router(ledger_url=AWAY, database_away="refuse"))


@row("It becomes unavailable after the call")
def it_goes_away_after_the_call(platform: Platform) -> Any:
    folder, service = platform.folder / "finance_logs", platform.sandbox._service
    handle = service.handle

    def last_request(method: str, *rest: Any) -> Any:
        answer = handle(method, *rest)
        if method.upper() == "POST":
            (folder / "stripe_ledger.db").rename(folder / "gone.db")
        return answer

    service.handle = last_request  # type: ignore[assignment]
    receipt = pay(platform.router)
    assert (folder / "stripe_ledger.jsonl").read_text().count("\n") == 1
    return receipt


@row("It is back")
def it_is_back(platform: Platform) -> Any:
    paid = pay(platform.another_router(ledger_url=AWAY))
    again = pay(platform.router)
    assert again.id == paid.id
    assert [alert[0] for alert in platform.alerts] == ["spill_returned"]
    return again


@row("Neither database nor files can be written before the call")
def nowhere_to_write(platform: Platform) -> Any:
    (platform.folder / "file").touch()
    folder = platform.folder / "file" / "finance_logs"
    return pay(platform.another_router(ledger_url=AWAY, ledger_dir=folder))


# --- accounts -------------------------------------------------------------------------------------


@row("An answer names a foreign account")
def a_foreign_account(platform: Platform) -> Any:
    platform.sandbox.faults.foreign_account("acct_other1234", **INTENTS)
    return pay(platform.router)


@row("Its key comes again")
def a_foreign_account_again(platform: Platform) -> Any:
    with suppress(BillingError):
        a_foreign_account(platform)
    return pay(platform.router)


@row("The bot makes another call")
def a_foreign_account_and_another_call(platform: Platform) -> Any:
    with suppress(BillingError):
        a_foreign_account(platform)
    return pay(platform.router, "order-2")


@row("The reversal's refund is pending")
def a_pending_reversal(platform: Platform) -> Any:
    platform.sandbox.faults.refund_status("pending")
    return a_foreign_account(platform)


@row("An answer to a read names one")
def a_read_names_one(platform: Platform) -> Any:
    platform.sandbox.faults.foreign_account("acct_other1234", method="GET", path="/v1/balance")
    return platform.router.get_balance(BOT)


@row("An answer is not in live mode")
def not_in_live_mode(platform: Platform) -> Any:
    platform.sandbox.faults.livemode(False, **INTENTS)
    return pay(platform.router)


@row("The key is another account's")
def the_key_of_another_account(platform: Platform) -> Any:
    return pay(platform.another_router(master_account_id="acct_another12345"))


@row("The bot is frozen")
def the_bot_is_frozen(platform: Platform) -> Any:
    paid = pay(platform.router)
    platform.router.freeze(BOT, reason="look first")
    assert pay(platform.router).id == paid.id
    return pay(platform.router, "order-2")


# --- what they say --------------------------------------------------------------------------------


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with platform_in(tmp_path) as built:
        yield built


def expect_what_is_said(name: str, act: Callable[[], Any]) -> None:
    _, _, seen, moved, retry, *_ = TABLE[name]
    try:
        receipt = act()
    except BillingError as error:
        found = (type(error).__name__, error.money_moved, "yes" if error.retryable else "no")
        assert found == (seen, moved, retry)
    else:
        assert receipt.paid
        assert (seen, moved, retry) == ("the receipt", "", "")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_fault_ends_as_its_row_says(platform: Platform, name: str) -> None:
    expect_what_is_said(name, lambda: SCENARIOS[name](platform))
    captured, refunded = platform.sandbox.captured_minor(), platform.sandbox.refunded_minor()
    assert captured <= 1000 * (2 if "revoked" in name else 1)
    assert refunded in (0, captured)


@pytest.mark.parametrize(
    "name",
    [
        "The key is used again after days",
        "It comes after days and was unknown, and paid",
        "It comes after days and was unknown, and nothing was done",
    ],
)
def test_days_later(platform: Platform, name: str) -> None:
    if "unknown" in name:
        end_unknown(platform, executed="paid" in name)
    else:
        pay(platform.router)
    later = days_later(platform)
    expect_what_is_said(name, lambda: pay(later))
    assert platform.sandbox.captured_minor() == 1000


def test_every_row_is_done_here_or_names_its_test() -> None:
    done = set(SCENARIOS) | {name for name in TABLE if "after days" in name}
    assert set(SCENARIOS) <= set(TABLE)
    for name, found in TABLE.items():
        test = found[6]
        assert bool(test) != (name in done), name
        assert not test or (ROOT / test).exists(), test
