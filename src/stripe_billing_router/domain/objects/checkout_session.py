"""A Checkout session: reversed by expiring it and refunding what was paid through it."""

from __future__ import annotations

from typing import Final

from ...core.calls import Reply, StripeCall
from ...core.operation import State
from ..flows import Outcome, Tags, identifier
from . import payment_intent, subscription
from .kind import ObjectKind, Reversal, ReversalFlow


def judge(reply: Reply, email: str | None) -> Outcome:
    """Judge a session: it is created, whether or not the customer has paid yet."""
    body = reply.body
    return Outcome(
        state=State.SUCCEEDED,
        reply=reply,
        action_type="checkout_session",
        paid=body.get("payment_status") == "paid",
        amount_minor=body.get("amount_total"),
        currency=body.get("currency"),
        user_email=email or body.get("customer_email"),
    )


def reverse(target: str, tags: Tags) -> ReversalFlow:
    """Expire a session and reverse what was paid through it."""
    current = yield StripeCall(
        f"rollback.{target}.read", "checkout.sessions.retrieve", target=target
    )
    if current.body.get("status") == "open":
        yield StripeCall(f"rollback.{target}.expire", "checkout.sessions.expire", {}, target)
    paid = identifier(current.body.get("payment_intent"))
    subscribed = identifier(current.body.get("subscription"))
    if paid is not None:
        return (yield from payment_intent.reverse(paid, tags))
    if subscribed is not None:
        return (yield from subscription.reverse(subscribed, tags))
    return Reversal("checkout.session", target, True, "expired")


KIND: Final = ObjectKind(object="checkout.session", judge=judge, reverse=reverse)
