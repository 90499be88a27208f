"""One business key, one effect: replay, conflict, in progress, and what may be tried again."""

import threading
from typing import Any

import pytest

from stripe_billing_router import (
    BillingRouter,
    IdempotencyConflictError,
    OperationInProgressError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    StripeUnavailableError,
)
from stripe_billing_router.core.operation import State
from support.platform import BOT, OTHER_BOT, Platform


def test_the_same_key_returns_the_first_receipt_without_a_request(platform: Platform) -> None:
    first = platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.mark()
    second = platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert (second.replayed, second.id, second.amount) == (True, first.id, first.amount)
    assert platform.requests == []
    assert platform.sandbox.captured_minor() == 1000


def test_a_new_process_replays_without_a_request_even_with_another_route(
    platform: Platform,
) -> None:
    first = platform.router.charge(BOT, idempotency_key="order-1")
    later = platform.another_router()
    later.register_route(
        "finance",
        "finance_router_bot",
        {"product_id": "prod_1", "price_id": "price_new", "customer_id": "cus_new"},
    )
    platform.mark()
    again = later.charge(BOT, idempotency_key="order-1")
    assert (again.replayed, again.id) == (True, first.id)
    assert platform.requests == []


@pytest.mark.parametrize("amount", [10.0, "10", "10.00"])
def test_how_an_amount_is_written_does_not_matter(platform: Platform, amount: float | str) -> None:
    platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.router.charge(BOT, amount, idempotency_key="order-1").replayed


def test_another_description_or_payment_method_is_the_same_purchase(platform: Platform) -> None:
    platform.router.charge(BOT, 10, "Ten", idempotency_key="order-1")
    again = platform.router.charge(
        BOT,
        10,
        "Ten dollars",
        payment_method="pm_card_visa",
        metadata={"a": "b"},
        idempotency_key="order-1",
    )
    assert again.replayed


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 11},
        {"amount": 10, "currency": "eur"},
        {"amount": 10, "customer_id": "cus_support"},
        {"price_id": "price_finance_standard"},
        {},
    ],
)
def test_another_purchase_with_the_same_key_is_a_conflict_and_sends_nothing(
    platform: Platform, other: dict[str, Any]
) -> None:
    platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.mark()
    with pytest.raises(IdempotencyConflictError) as caught:
        platform.router.charge(BOT, **other, idempotency_key="order-1")
    assert caught.value.money_moved == "no"
    assert platform.requests == []


def test_a_key_belongs_to_one_bot_and_one_action(platform: Platform) -> None:
    first = platform.router.charge(BOT, 10, idempotency_key="run-7")
    assert not platform.router.charge(OTHER_BOT, 10, idempotency_key="run-7").replayed
    assert not platform.router.refund(BOT, first.id, idempotency_key="run-7").replayed


def test_two_intended_identical_charges_are_two(platform: Platform) -> None:
    platform.router.charge(BOT, 10)
    platform.router.charge(BOT, 10)
    assert platform.sandbox.captured_minor() == 2000


def test_after_a_decline_the_same_key_is_a_new_attempt_with_new_step_keys(
    platform: Platform,
) -> None:
    with pytest.raises(PaymentDeclinedError):
        platform.router.charge(
            BOT, 10, payment_method="pm_card_chargeDeclined", idempotency_key="order-1"
        )
    receipt = platform.router.charge(
        BOT, 10, payment_method="pm_card_visa", idempotency_key="order-1"
    )
    assert (receipt.paid, receipt.replayed) == (True, False)
    creates = [r for r in platform.sandbox.requests if r.path == "/v1/payment_intents"]
    assert len({request.idempotency_key for request in creates}) == 2
    assert platform.operation().attempt == 2
    assert platform.sandbox.captured_minor() == 1000


def test_a_lost_reply_is_sent_again_with_the_same_key_and_paid_once(platform: Platform) -> None:
    platform.sandbox.faults.lose_reply(method="POST")
    assert platform.another_router(give_up_after_s=5).charge(BOT, 10).paid
    creates = [r for r in platform.sandbox.requests if r.path == "/v1/payment_intents"]
    assert len({request.idempotency_key for request in creates}) == 1
    assert platform.sandbox.captured_minor() == 1000


def test_an_outcome_that_stays_unknown_is_kept_and_the_same_key_goes_on(platform: Platform) -> None:
    platform.sandbox.faults.lose_reply(method="POST", times=50)
    with pytest.raises(OutcomeUnknownError) as caught:
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert (caught.value.money_moved, caught.value.retryable) == ("unknown", True)
    assert caught.value.idempotency_key == "order-1"
    assert platform.operation().state is State.UNKNOWN
    platform.sandbox.faults.clear()
    receipt = platform.another_router().charge(BOT, 10, idempotency_key="order-1")
    assert receipt.paid
    assert platform.sandbox.captured_minor() == 1000
    assert platform.kinds == [("charge", 1), ("charge", 0)]


def test_a_keyless_retry_of_an_unknown_operation_is_refused_and_names_it(
    platform: Platform,
) -> None:
    platform.sandbox.faults.lose_reply(method="POST", times=50)
    with pytest.raises(OutcomeUnknownError) as unknown:
        platform.router.charge(BOT, 10)
    platform.sandbox.faults.clear()
    platform.mark()
    with pytest.raises(OperationInProgressError) as refused:
        platform.router.charge(BOT, 10)
    assert refused.value.operation_id == unknown.value.operation_id
    assert refused.value.idempotency_key == unknown.value.idempotency_key
    assert platform.requests == []
    assert platform.router.charge(BOT, 11).paid  # another purchase is not concerned
    settled = platform.router.charge(BOT, 10, idempotency_key=unknown.value.idempotency_key)
    assert settled.paid
    assert platform.router.charge(BOT, 10).paid  # once it is settled, the next one may
    assert platform.sandbox.captured_minor() == 1000 + 1100 + 1000


@pytest.mark.parametrize("then", ["rate_limit", "refuse"])
def test_what_comes_after_an_unknown_send_proves_nothing_about_it(
    platform: Platform, then: str
) -> None:
    platform.sandbox.faults.lose_reply(method="POST")
    getattr(platform.sandbox.faults, then)(method="POST", times=50)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    assert platform.operation().state is State.UNKNOWN


def test_a_key_that_is_at_work_is_in_progress(platform: Platform) -> None:
    platform.sandbox.faults.delay(60, method="POST")
    outcomes: list[bool] = []
    slow = threading.Thread(
        target=lambda: outcomes.append(
            platform.router.charge(BOT, 10, idempotency_key="order-1").paid
        )
    )
    slow.start()
    while not any(r.method == "POST" for r in platform.sandbox.requests):
        threading.Event().wait(0.01)
    with pytest.raises(OperationInProgressError) as caught:
        platform.another_router().charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    slow.join()
    assert caught.value.retryable
    assert outcomes == [True]
    assert platform.router.charge(BOT, 10, idempotency_key="order-1").replayed
    assert platform.sandbox.captured_minor() == 1000


def test_sixteen_threads_with_one_key_pay_once(platform: Platform) -> None:
    receipts, refused = [], []

    def work() -> None:
        try:
            receipts.append(platform.router.charge(BOT, 10, idempotency_key="order-1"))
        except OperationInProgressError as error:
            refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) + len(refused) == 16
    assert len({receipt.id for receipt in receipts}) == 1
    assert platform.sandbox.captured_minor() == 1000
    assert platform.kinds == [("charge", 0)]


def later(router: BillingRouter, *, hours: float) -> BillingRouter:
    """Turn a router's clock on, which nothing public can."""
    around = router._parts.runtime
    real = around.now_ms
    object.__setattr__(around, "now_ms", lambda: real() + int(hours * 3600 * 1000))
    return router


def test_past_stripes_memory_of_a_key_the_effect_is_found_by_reading(platform: Platform) -> None:
    platform.sandbox.faults.server_error(method="POST", times=50, executed=True)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    platform.sandbox.advance(hours=25)
    platform.mark()
    receipt = later(platform.another_router(), hours=25).charge(BOT, 10, idempotency_key="order-1")
    assert receipt.paid
    assert [r for r in platform.requests if r.method == "POST"] == []
    assert platform.sandbox.captured_minor() == 1000
    assert platform.kinds == [("charge", 1), ("charge", 0)]


@pytest.mark.parametrize(("ahead_hours", "back_after_hours"), [(0.5, 25), (72, 30)])
def test_a_clock_that_ran_ahead_pays_nothing_twice(
    platform: Platform, ahead_hours: float, back_after_hours: float
) -> None:
    """It was right when the key was proven, and jumped after that."""
    ahead = platform.another_router()
    ahead.charge(BOT, 5)
    later(ahead, hours=ahead_hours)
    platform.sandbox.faults.server_error(method="POST", times=50, executed=True)
    with pytest.raises(OutcomeUnknownError):
        ahead.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    platform.sandbox.advance(hours=back_after_hours)
    back = later(platform.another_router(), hours=back_after_hours)
    assert back.charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() == 1500


def test_past_it_with_nothing_found_the_same_key_starts_a_new_attempt(platform: Platform) -> None:
    platform.sandbox.faults.server_error(method="POST", times=50, executed=False, stored=False)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    platform.sandbox.advance(hours=25)
    receipt = later(platform.another_router(), hours=25).charge(BOT, 10, idempotency_key="order-1")
    assert receipt.paid
    assert platform.router.get_operation(receipt.operation_id).attempt == 2
    assert platform.sandbox.captured_minor() == 1000


@pytest.mark.parametrize("executed", [True, False])
def test_a_stored_fault_is_resolved_by_reading(platform: Platform, executed: bool) -> None:
    """Stripe repeats a 500 that it keeps for a key: sending it again never heals."""
    platform.sandbox.faults.server_error(method="POST", stored=True, executed=executed)
    router = platform.another_router(give_up_after_s=5)
    if executed:
        assert router.charge(BOT, 10, idempotency_key="order-1").paid
    else:
        with pytest.raises(OutcomeUnknownError):
            router.charge(BOT, 10, idempotency_key="order-1")
        with pytest.raises(StripeUnavailableError) as caught:  # now it says that it is over
            router.charge(BOT, 10, idempotency_key="order-1")
        assert (caught.value.money_moved, caught.value.retryable) == ("no", True)
        assert router.charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() == 1000


def test_an_invoice_that_lost_a_reply_half_way_goes_on_where_it_stood(platform: Platform) -> None:
    platform.sandbox.faults.lose_reply(method="POST", path="/v1/invoices/*/finalize", times=50)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    platform.mark()
    receipt = platform.another_router().charge(BOT, idempotency_key="order-1")
    assert receipt.paid
    assert [path for path in platform.paths if path.startswith("POST")] == [
        "POST /v1/invoices/{id}/finalize", "POST /v1/invoices/{id}/pay",
    ]  # fmt: skip
    assert len(platform.sandbox.invoices) == 1
    assert platform.sandbox.captured_minor() == 2000


def test_an_unknown_key_proof_never_turns_an_unknown_charge_into_a_failed_one(
    platform: Platform,
) -> None:
    platform.sandbox.faults.lose_reply(method="POST", times=50)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    platform.sandbox.faults.server_error(method="GET", path="/v1/account", times=50)
    with pytest.raises(OutcomeUnknownError):
        platform.another_router().charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    assert platform.another_router().charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() == 1000


def test_a_call_gives_up_in_time_however_slow_stripe_is(platform: Platform) -> None:
    """The bound is on the whole call: all its requests, waits and retries."""
    with platform.sandbox.serve() as server:
        # Whoever waits for as long as one request may take is paid.
        platform.sandbox.faults.delay(30, method="POST", times=None)
        limits = {"read_timeout_s": 60, "call_timeout_s": 60, "give_up_after_s": 1}
        router = platform.another_router(http_client=None, api_base=server.url, **limits)
        with pytest.raises(OutcomeUnknownError):
            router.charge(BOT, 10, idempotency_key="order-1")
        platform.sandbox.faults.clear()
        assert (
            platform.another_router(give_up_after_s=20)
            .charge(BOT, 10, idempotency_key="order-1")
            .paid
        )
    assert platform.sandbox.captured_minor() == 1000
