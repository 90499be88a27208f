"""What goes wrong around a call: interrupts, takeovers, nowhere to write, remains that stay."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import stripe

from stripe_billing_router import (
    BillingRouter,
    LedgerUnavailableError,
    OperationInProgressError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RequestRejectedError,
    StripeUnavailableError,
)
from stripe_billing_router.core.operation import State
from stripe_billing_router.engine.customer_cache import CustomerCache
from support.platform import BOT, OTHER_BOT, Platform


def meddling(platform: Platform, path: str, act: Callable[[], None]) -> BillingRouter:
    """Return a router during whose first request to `path` something else happens."""
    inner = platform.sandbox.http_client()
    done: list[bool] = []

    class Client(stripe.HTTPClient):
        name = "meddling"

        def request(
            self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any
        ) -> tuple[Any, int, Any]:
            answer = inner.request(method, url, headers, post_data)
            if method == "post" and url.endswith(path) and not done:
                done.append(True)
                act()
            return answer

        def close(self) -> None:
            pass

    return platform.another_router(http_client=Client())


def interrupted() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_in_the_middle_of_a_call_keeps_it_as_unknown(platform: Platform) -> None:
    router = meddling(platform, "/v1/payment_intents", interrupted)
    with pytest.raises(KeyboardInterrupt):
        router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.operation().state is State.UNKNOWN
    assert platform.router.charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() == 1000


def test_who_was_overtaken_between_two_steps_stops(platform: Platform) -> None:
    def overtake() -> None:
        operation = platform.operation()
        platform.router.records.save(replace(operation, lease_owner="other/1/1"))

    router = meddling(platform, "/v1/invoices", overtake)
    with pytest.raises(OperationInProgressError) as caught:
        router.charge(BOT, idempotency_key="order-1")
    assert caught.value.money_moved == "unknown"
    assert platform.sandbox.count("POST /v1/invoiceitems") == 0
    operation = platform.operation()
    platform.router.records.save(replace(operation, lease_until_ms=0))
    assert platform.router.charge(BOT, idempotency_key="order-1").paid
    assert len(platform.sandbox.invoices) == 1


def test_who_was_overtaken_and_interrupted_writes_nothing(platform: Platform) -> None:
    def overtake() -> None:
        operation = platform.operation()
        platform.router.records.save(replace(operation, lease_owner="other/1/1"))
        raise KeyboardInterrupt

    router = meddling(platform, "/v1/payment_intents", overtake)
    with pytest.raises(KeyboardInterrupt):
        router.charge(BOT, 10, idempotency_key="order-1")
    assert (platform.operation().state, platform.rows) == (State.PENDING, [])


def nowhere_to_write(platform: Platform) -> Callable[[], None]:
    """The database and the files beside it are gone, and their folder cannot be made."""

    def act() -> None:
        folder = platform.folder / "finance_logs"
        shutil.rmtree(folder)
        folder.write_text("in the way")

    return act


def test_a_success_that_can_be_written_nowhere_is_returned_and_goes_to_the_log_whole(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    router = meddling(platform, "/v1/payment_intents", nowhere_to_write(platform))
    alerts: list[str] = []
    router.register_alert_sink(lambda kind, *_: alerts.append(kind))
    receipt = router.charge(BOT, 10)
    assert receipt.paid
    assert "records_lost" in alerts
    (record,) = [r for r in caplog.records if r.levelno == logging.CRITICAL and "outcome" in r.msg]
    assert receipt.id in record.getMessage()
    assert receipt.operation_id in record.getMessage()


def test_a_step_that_can_be_written_nowhere_is_not_sent(platform: Platform) -> None:
    router = meddling(platform, "/v1/invoices", nowhere_to_write(platform))
    with pytest.raises(LedgerUnavailableError) as caught:
        router.charge(BOT)
    assert caught.value.money_moved == "unknown"
    assert platform.sandbox.count("POST /v1/invoiceitems") == 0


def test_an_interrupt_with_nowhere_to_write_still_interrupts(platform: Platform) -> None:
    def act() -> None:
        nowhere_to_write(platform)()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        meddling(platform, "/v1/payment_intents", act).charge(BOT, 10)
    assert platform.sandbox.captured_minor() == 1000


def test_an_attempt_whose_lease_cannot_be_written_is_not_made(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal answers, and is gone before the next commit."""
    with pytest.raises(PaymentDeclinedError):
        platform.router.charge(
            BOT, 10, payment_method="pm_card_chargeDeclined", idempotency_key="order-1"
        )
    platform.mark()
    save = platform.router.records.save

    def lose_then_save(*arguments: Any, **named: Any) -> Any:
        nowhere_to_write(platform)()
        return save(*arguments, **named)

    monkeypatch.setattr(platform.router.records, "save", lose_then_save)
    with pytest.raises(LedgerUnavailableError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.requests == []


def test_an_attempt_that_cannot_be_recorded_is_not_made(platform: Platform) -> None:
    with pytest.raises(PaymentDeclinedError):
        platform.router.charge(
            BOT, 10, payment_method="pm_card_chargeDeclined", idempotency_key="order-1"
        )
    platform.mark()
    nowhere_to_write(platform)()
    with pytest.raises(LedgerUnavailableError) as caught:
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert caught.value.money_moved == "no"
    assert platform.requests == []


def test_what_could_not_be_removed_stays_unknown_until_it_is(platform: Platform) -> None:
    platform.sandbox.faults.rate_limit(method="POST", path="/v1/payment_intents/*/cancel", times=9)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(
            BOT, 10, payment_method="pm_card_chargeDeclined", idempotency_key="order-1"
        )
    assert platform.operation().state is State.UNKNOWN
    platform.sandbox.faults.clear()
    with pytest.raises(PaymentDeclinedError):
        platform.router.charge(BOT, 10, payment_method="pm_card_visa", idempotency_key="order-1")
    assert [pi["status"] for pi in platform.sandbox.payment_intents.values()] == ["canceled"]
    assert platform.router.charge(
        BOT, 10, payment_method="pm_card_visa", idempotency_key="order-1"
    ).paid
    assert platform.sandbox.captured_minor() == 1000


def test_a_fault_of_ours_after_the_answer_is_an_unknown_outcome(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(CustomerCache, "note", broken)
        with pytest.raises(OutcomeUnknownError):
            platform.another_router().charge(
                BOT, 10, payment_method="pm_card_visa", idempotency_key="order-1"
            )
    assert platform.router.charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() <= 1000


def slow_payment(platform: Platform) -> str:
    platform.sandbox.add_payment_method("pm_slow", "processes", customer="cus_finance_default")
    receipt = platform.router.charge(BOT, 10, payment_method="pm_slow", idempotency_key="slow-1")
    assert receipt.status == "processing"
    return receipt.operation_id


def test_an_open_operation_that_cannot_be_refreshed_replays_as_it_was(platform: Platform) -> None:
    operation_id = slow_payment(platform)
    platform.sandbox.faults.server_error(method="GET", path="/v1/payment_intents/*", times=None)
    again = platform.router.charge(BOT, 10, idempotency_key="slow-1")
    assert (again.paid, again.replayed, again.status) == (False, True, "processing")
    with pytest.raises(StripeUnavailableError):
        platform.router.get_operation(operation_id, refresh=True)


def test_an_open_operation_that_ended_without_effect_is_failed(platform: Platform) -> None:
    first = platform.router.charge(BOT, 10, customer_id="cus_empty", idempotency_key="order-1")
    headers = {"Authorization": "Bearer sk_live_sandboxfakeDashboard"}
    platform.sandbox.handle("POST", f"/v1/payment_intents/{first.id}/cancel", headers, "")
    with pytest.raises(RequestRejectedError):
        platform.router.charge(BOT, 10, customer_id="cus_empty", idempotency_key="order-1")
    assert platform.kinds == [("charge_open", 0), ("charge", 1)]
    again = platform.router.charge(BOT, 10, customer_id="cus_empty", idempotency_key="order-1")
    assert again.id != first.id


def test_refreshing_what_is_final_asks_nobody(platform: Platform) -> None:
    receipt = platform.router.charge(BOT, 10)
    platform.mark()
    operation = platform.router.get_operation(receipt.operation_id, refresh=True)
    assert operation.state is State.SUCCEEDED
    assert platform.requests == []


def test_a_late_effect_after_somebody_else_settled_it_is_told(platform: Platform) -> None:
    """A process that stood still for long wakes up, and its request goes through after all."""

    def settle_meanwhile() -> None:
        operation = platform.operation()
        platform.router.records.save(replace(operation, state=State.FAILED, lease_owner=None))

    router = meddling(platform, "/v1/payment_intents", settle_meanwhile)
    alerts: list[str] = []
    router.register_alert_sink(lambda kind, *_: alerts.append(kind))
    assert router.charge(BOT, 10).paid
    assert alerts == ["late_effect"]


def test_another_bot_is_not_concerned(platform: Platform) -> None:
    platform.sandbox.faults.lose_reply(method="POST", times=3)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10)
    platform.sandbox.faults.clear()
    assert platform.router.charge(OTHER_BOT, 10).paid
