"""What others took for settled and was not: keys in use elsewhere, refunds, half-read lists."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from stripe_billing_router import BillingError, OperationInProgressError, OutcomeUnknownError
from stripe_billing_router.core.ids import step_key
from stripe_billing_router.core.operation import State
from stripe_billing_router.testing import SandboxResponse
from stripe_billing_router.testing.http_client import http_client_for
from support.platform import BOT, SECRET_KEY, Platform


def post(platform: Platform, path: str, key: str, **form: Any) -> SandboxResponse:
    """Send a request past the router, with its key."""
    headers = {"Authorization": f"Bearer {SECRET_KEY}", "Idempotency-Key": key}
    return platform.sandbox.handle("POST", path, headers, urlencode(form))


def test_a_key_that_stripe_knows_for_something_else_is_unknown_and_never_failed(
    platform: Platform,
) -> None:
    """Stripe's `idempotency_error` says that this key was used, and not what came of it."""
    key = step_key(platform.sandbox.account_id, BOT, "charge", "order-1", 1, "create")
    post(platform, "/v1/payment_intents", key, amount=700, currency="usd")
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError) as caught:
            platform.router.charge(BOT, 10, idempotency_key="order-1")
        assert caught.value.money_moved == "unknown"
    assert platform.operation().state is State.UNKNOWN
    assert platform.sandbox.captured_minor() == 0


def test_a_lost_reply_to_a_partial_refund_refunds_once_in_another_process_too(
    platform: Platform,
) -> None:
    paid = platform.router.charge(BOT, 100)
    platform.sandbox.faults.lose_reply(method="POST", path="/v1/refunds", times=None)
    with pytest.raises(OutcomeUnknownError):
        platform.router.refund(BOT, paid.id, amount=30, idempotency_key="refund-1")
    platform.sandbox.faults.clear()
    again = platform.another_router().refund(BOT, paid.id, amount=30, idempotency_key="refund-1")
    assert again.paid
    assert platform.sandbox.refunded_minor() == 3000


def test_refunds_at_the_same_time_never_give_back_more_than_was_taken(platform: Platform) -> None:
    paid = platform.router.charge(BOT, 10)
    routers = [platform.another_router() for _ in range(4)]

    def refund(number: int) -> str:
        try:
            routers[number % 4].refund(BOT, paid.id, amount=4, idempotency_key=f"r-{number}")
        except BillingError as refused:
            return refused.money_moved
        return "yes"

    with ThreadPoolExecutor(4) as pool:
        moved = sorted(pool.map(refund, range(8)))
    assert moved == ["no"] * 6 + ["yes"] * 2
    assert platform.sandbox.refunded_minor() == 800


def test_the_echo_of_our_own_refund_makes_no_other(platform: Platform) -> None:
    """A handler of `charge.refunded` refunds what it hears of, before the call has returned."""
    paid = platform.router.charge(BOT, 10)
    refused: list[BaseException] = []

    class Echoing:
        def handle(self, method: str, path: str, *rest: Any) -> SandboxResponse:
            answer = platform.sandbox.handle(method, path, *rest)
            if (method.upper(), path) == ("POST", "/v1/refunds"):
                payment = json.loads(answer.body)["payment_intent"]
                with pytest.raises(OperationInProgressError) as caught:
                    platform.router.refund(BOT, payment, idempotency_key="refund-1")
                refused.append(caught.value)
            return answer

    router = platform.another_router(http_client=http_client_for(cast("Any", Echoing())))
    router.refund(BOT, paid.id, idempotency_key="refund-1")
    assert len(refused) == 1
    assert platform.router.refund(BOT, paid.id, idempotency_key="refund-1").replayed
    assert platform.sandbox.refunded_minor() == 1000
    assert platform.sandbox.count("POST /v1/refunds") == 1


def test_a_list_that_breaks_off_at_its_second_page_proves_nothing(platform: Platform) -> None:
    platform.sandbox.faults.lose_reply(method="POST", times=None)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    for number in range(100):  # Newer ones, which fill the first page.
        form = {"amount": 100, "currency": "usd", "customer": "cus_finance_default"}
        assert post(platform, "/v1/payment_intents", f"other-{number}", **form).status == 200
    platform.router.freeze(BOT, reason="to be settled by reading")
    lists: dict[str, Any] = {"method": "GET", "path": "/v1/payment_intents"}
    platform.sandbox.faults.server_error(**lists, skip=1, times=None)
    (done,) = platform.another_router().recover().operations
    assert done.after is State.UNKNOWN
    platform.sandbox.faults.clear()
    (done,) = platform.another_router().recover().operations
    assert done.after is State.SUCCEEDED
    assert platform.sandbox.captured_minor() == 1000
