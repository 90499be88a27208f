"""How an operation that is not final is looked at again."""

from __future__ import annotations

from typing import Any

from ...core.calls import Reply, StripeCall
from ...core.operation import Operation
from ..flows import Outcome, expanded
from ..operations.charge import invoice_settlement, payment_intent_settlement
from ..operations.refund import refund_settlement
from ..operations.subscription import (
    checkout_settlement,
    customer_settlement,
    subscription_settlement,
)


def refresh_call(operation: Operation) -> StripeCall | None:
    """Return the read that shows what became of the operation's object, if it has one."""
    body: Any = operation.result.body if operation.result else {}
    method, params = {
        "payment_intent": ("payment_intents.retrieve", {}),
        "invoice": ("invoices.retrieve", {}),
        "refund": ("refunds.retrieve", {}),
        "subscription": ("subscriptions.retrieve", {"expand": ["latest_invoice"]}),
    }.get(str(body.get("object")), (None, {}))
    return StripeCall("refresh", method, params, str(body["id"])) if method else None


def refreshed(operation: Operation, reply: Reply) -> Outcome:
    """Judge the object as it stands now."""
    email = operation.instruction.user_email
    kind = reply.body.get("object")
    if kind == "invoice":
        return invoice_settlement(reply, email)
    if kind == "refund":
        return refund_settlement(reply, email)
    if kind == "subscription":
        return subscription_settlement(reply, expanded(reply.body.get("latest_invoice")), email)
    if kind == "checkout.session":
        return checkout_settlement(reply, email)
    if kind == "customer":
        return customer_settlement(reply)
    return payment_intent_settlement(reply, email)
