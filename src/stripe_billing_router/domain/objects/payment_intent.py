"""A PaymentIntent: judged by its status; reversed by cancelling or refunding it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.calls import Reply, StripeCall
from ...core.operation import State
from ..flows import Outcome, Tags, compact, expanded
from .kind import ObjectKind, Removal, Reversal, ReversalFlow


def judge(reply: Reply, email: str | None) -> Outcome:
    """Judge a PaymentIntent by its status; only `succeeded` is paid, only `canceled` is dead."""
    body = reply.body
    status = body.get("status")
    paid = status == "succeeded"
    state = State.SUCCEEDED if paid else State.FAILED if status == "canceled" else State.OPEN
    received = body.get("amount_received")
    return Outcome(
        state=state,
        reply=reply,
        action_type="charge_open" if state is State.OPEN else "charge",
        paid=paid,
        amount_minor=received if paid and received else body.get("amount"),
        currency=body.get("currency"),
        user_email=email,
    )


def remove(target: str, prefix: str = "remove") -> Removal:
    """Cancel a PaymentIntent unless it is already; return it if it was paid after all."""
    current = yield StripeCall(f"{prefix}.read", "payment_intents.retrieve", target=target)
    status = current.body.get("status")
    if status in ("succeeded", "processing"):
        return current
    if status != "canceled":
        yield StripeCall(f"{prefix}.cancel", "payment_intents.cancel", target=target)
    return None


def reverse(target: str, tags: Tags) -> ReversalFlow:
    """Cancel a PaymentIntent, or refund what is left of it once it was paid."""
    current = yield StripeCall(
        f"rollback.{target}.read",
        "payment_intents.retrieve",
        {"expand": ["latest_charge"]},
        target,
    )
    body = current.body
    status = body.get("status")
    if status == "canceled":
        return Reversal("payment_intent", target, True, "it was cancelled already")
    if status == "processing":
        return Reversal(
            "payment_intent", target, False, "it is processing and cannot be undone yet"
        )
    if status != "succeeded":
        yield StripeCall(f"rollback.{target}.cancel", "payment_intents.cancel", {}, target)
        return Reversal("payment_intent", target, True, "cancelled")
    return (
        yield from refund_rest(("payment_intent", target), body.get("latest_charge"), body, tags)
    )


def refund_rest(
    payment: tuple[str, str], charge: Any, paid: Mapping[str, Any], tags: Tags
) -> ReversalFlow:
    """Refund what is left of a payment, transfer and application fee included."""
    kind, target = payment
    if isinstance(charge, str):
        charge = (
            yield StripeCall(f"rollback.{target}.charge", "charges.retrieve", target=charge)
        ).body
    facts = expanded(charge)
    captured = facts.get("amount_captured", paid.get("amount_received", paid.get("amount")))
    if captured is None:
        return Reversal(kind, target, False, "Stripe does not say how much it took")
    left = int(captured) - int(facts.get("amount_refunded") or 0)
    if left <= 0:
        return (yield from _refunded_before(kind, target))
    reply = yield StripeCall(
        f"rollback.{target}.refund",
        "refunds.create",
        compact(
            **{kind: target},
            amount=left,
            reverse_transfer=True if facts.get("transfer_data") or facts.get("transfer") else None,
            refund_application_fee=True if facts.get("application_fee") else None,
            metadata=dict(tags),
        ),
    )
    status = reply.body.get("status")
    return Reversal(
        kind,
        target,
        status == "succeeded",
        f"refund {reply.body.get('id')} is {status}",
        left,
        reply.body.get("currency"),
    )


def _refunded_before(kind: str, target: str) -> ReversalFlow:
    """Judge a payment with nothing left: Stripe counts a pending refund as refunded."""
    page = yield StripeCall(
        f"rollback.{target}.refunds", "refunds.list", {kind: target, "limit": 100}
    )
    for refund in page.body.get("data", []):
        status = refund.get("status")
        if status not in ("succeeded", "failed", "canceled"):
            return Reversal(kind, target, False, f"refund {refund.get('id')} is {status}")
    return Reversal(kind, target, True, "it was refunded already")


KIND: Final = ObjectKind(
    object="payment_intent",
    judge=judge,
    retrieve="payment_intents.retrieve",
    remove=remove,
    reverse=reverse,
)
