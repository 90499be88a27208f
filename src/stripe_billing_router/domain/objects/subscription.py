"""A Subscription: judged by its status and first invoice; reversed by cancelling it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.calls import Reply, StripeCall
from ...core.operation import State
from ..flows import Outcome, Tags, expanded, identifier
from . import invoice
from .kind import ObjectKind, Reversal, ReversalFlow


def judge(reply: Reply, email: str | None) -> Outcome:
    """Judge a subscription whose first invoice was expanded."""
    return judge_with(reply, expanded(reply.body.get("latest_invoice")), email)


def judge_with(reply: Reply, first: Mapping[str, Any], email: str | None) -> Outcome:
    """Judge a subscription by its status and its first invoice."""
    body = reply.body
    status = body.get("status")
    live = status in ("active", "trialing")
    dead = status in ("canceled", "incomplete_expired")
    state = State.SUCCEEDED if live else State.FAILED if dead else State.OPEN
    return Outcome(
        state=state,
        reply=reply,
        action_type="subscription_open" if state is State.OPEN else "subscription",
        paid=live and first.get("status", "paid") == "paid",
        amount_minor=first.get("amount_paid", 0),
        currency=body.get("currency") or first.get("currency"),
        user_email=email or first.get("customer_email"),
    )


def reverse(target: str, tags: Tags) -> ReversalFlow:
    """Cancel a subscription and reverse its first invoice."""
    current = yield StripeCall(f"rollback.{target}.read", "subscriptions.retrieve", target=target)
    if current.body.get("status") not in ("canceled", "incomplete_expired"):
        yield StripeCall(
            f"rollback.{target}.cancel",
            "subscriptions.cancel",
            {"invoice_now": False, "prorate": False},
            target,
        )
    first = identifier(current.body.get("latest_invoice"))
    if first is None:
        return Reversal("subscription", target, True, "cancelled")
    part = yield from invoice.reverse(first, tags)
    return Reversal(
        "subscription",
        target,
        part.complete,
        f"cancelled; first invoice: {part.detail}",
        part.refunded_minor,
        part.currency,
    )


KIND: Final = ObjectKind(
    object="subscription",
    judge=judge,
    retrieve="subscriptions.retrieve",
    expand=("latest_invoice",),
    reverse=reverse,
)
