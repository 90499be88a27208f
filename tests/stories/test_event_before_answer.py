"""Stripe's event about a payment often comes before the answer to the call that made it.

Whoever receives it must know at once whose it is: every creation carries our metadata, and its
operation stands in the journal before anything is sent.
"""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from stripe_billing_router import BillingRouter, OutcomeUnknownError, Receipt
from stripe_billing_router.core.operation import Operation, State
from stripe_billing_router.testing import SandboxResponse, StripeSandbox
from stripe_billing_router.testing.http_client import http_client_for
from support.platform import BOT, Platform

PAGE = {"success_url": "https://shop.example"}
CREATIONS = [
    "/v1/payment_intents", "/v1/invoices", "/v1/invoiceitems", "/v1/subscriptions", "/v1/refunds",
    "/v1/checkout/sessions", "/v1/customers",
]  # fmt: skip


class EarlyEvents:
    """The sandbox's service; what is made there is told to `receiver` before it is answered."""

    def __init__(self, sandbox: StripeSandbox, receiver: Callable[[dict[str, Any]], None]) -> None:
        self._sandbox = sandbox
        self._receiver = receiver

    def handle(self, method: str, path: str, *rest: Any) -> SandboxResponse:
        answer = self._sandbox.handle(method, path, *rest)
        if method.upper() == "POST" and path in CREATIONS and answer.status == 200:
            self._receiver(json.loads(answer.body))
        return answer


class Receiver:
    """A webhook's handler: it asks the journal whose an object is."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.told: list[tuple[str, str]] = []
        self.operations: list[Operation] = []
        self.states: list[State] = []
        self.router = platform.another_router(
            http_client=http_client_for(cast("Any", EarlyEvents(platform.sandbox, self.receive)))
        )

    def receive(self, made: dict[str, Any]) -> None:
        tags = made["metadata"]
        # As another process would: over the same database, with a router of its own.
        operation = self.platform.router.get_operation(tags["sbr_operation"])
        self.told.append((made["object"], tags["sbr_bot"]))
        self.operations.append(operation)
        self.states.append(operation.state)
        if made["object"] == "checkout.session":
            self.platform.sandbox.complete_checkout(made["id"])


CALLS: dict[str, Callable[[BillingRouter], Receipt]] = {
    "payment_intent": lambda router: router.charge(BOT, 10),
    "invoice": lambda router: router.charge(BOT),
    "subscription": lambda router: router.create_subscription(BOT),
    "refund": lambda router: router.refund(BOT, router.charge(BOT, 10).id),
    "checkout.session": lambda router: router.create_checkout_session(BOT, PAGE),
    "customer": lambda router: router.create_customer(BOT, {"email": "n@e.example"}),
}


@pytest.mark.parametrize("kind", CALLS)
def test_the_bot_is_known_before_the_call_that_made_it_returns(
    platform: Platform, kind: str
) -> None:
    receiver = Receiver(platform)
    receipt = CALLS[kind](receiver.router)
    assert kind in {told for told, _ in receiver.told}
    assert {bot for _, bot in receiver.told} == {BOT}
    assert {operation.bot_id for operation in receiver.operations} == {receipt.bot_id}
    assert set(receiver.states) == {State.PENDING}
    assert receiver.operations[-1].operation_id == receipt.operation_id


@pytest.mark.parametrize("mode", ["payment", "subscription"])
def test_what_is_paid_on_stripes_page_before_the_session_is_answered_names_its_bot(
    platform: Platform, mode: str
) -> None:
    receiver = Receiver(platform)
    price = "price_finance_monthly" if mode == "subscription" else "price_finance_standard"
    lines = [{"price": price, "quantity": 1}]
    receipt = receiver.router.create_checkout_session(
        BOT, {**PAGE, "mode": mode, "line_items": lines}
    )
    (paid,) = platform.sandbox.effects()
    assert paid.metadata["sbr_bot"] == BOT
    assert paid.metadata["sbr_operation"] == receipt.operation_id


def test_it_is_known_though_the_answer_never_comes(platform: Platform) -> None:
    receiver = Receiver(platform)
    platform.sandbox.faults.lose_reply(method="POST", times=None)
    with pytest.raises(OutcomeUnknownError) as lost:
        receiver.router.charge(BOT, 10)
    assert {o.operation_id for o in receiver.operations} == {lost.value.operation_id}
    assert {o.bot_id for o in receiver.operations} == {BOT}
