"""How what an operation created is undone: read its present state, then reverse by kind.

Only objects that carry the operation's own tag are ever reversed. Deletions and cancellations are
preceded by the read, so that a second run finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.calls import CallFailedError, Reply, StripeCall
from ...core.operation import StepRecord
from ..flows import Tags, compact, expanded, identifier
from ..operations.charge import remove_invoice
from ..operations.refund import find_invoice_payments, payment_of

OPERATION_TAG = "sbr_operation"
_REVERSIBLE = ("payment_intent", "invoice", "subscription", "checkout.session", "customer")


@dataclass(frozen=True, slots=True)
class Reversal:
    """What became of one object: `complete` when nothing of it is left to take or give back."""

    object: str
    id: str
    complete: bool
    detail: str
    refunded_minor: int = 0
    currency: str | None = None


ReversalFlow = Generator[StripeCall, Reply, Reversal]


def reversible(steps: Iterable[StepRecord], operation_id: str) -> list[tuple[str, str]]:
    """Return kind and id of each object that this operation created, in order, once each."""
    found: dict[str, str] = {}
    for record in steps:
        body = record.reply or {}
        tag = expanded(body.get("metadata")).get(OPERATION_TAG)
        if tag == operation_id and body.get("object") in _REVERSIBLE:
            found.setdefault(str(body["id"]), str(body["object"]))
    return [(kind, target) for target, kind in found.items()]


def reverse(kind: str, target: str, tags: Tags) -> ReversalFlow:
    """Undo one object; its step names carry its id, so that each has keys of its own."""
    flows = {
        "payment_intent": _reverse_payment_intent,
        "invoice": _reverse_invoice,
        "subscription": _reverse_subscription,
        "checkout.session": _reverse_checkout_session,
        "customer": _reverse_customer,
    }
    return flows[kind](target, tags)


def _reverse_payment_intent(target: str, tags: Tags) -> ReversalFlow:
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
    return (yield from _refund(("payment_intent", target), body.get("latest_charge"), body, tags))


def _refund(
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
    """Judge a payment of which nothing is left: Stripe counts a pending refund as given back."""
    page = yield StripeCall(
        f"rollback.{target}.refunds", "refunds.list", {kind: target, "limit": 100}
    )
    for refund in page.body.get("data", []):
        status = refund.get("status")
        if status not in ("succeeded", "failed", "canceled"):
            return Reversal(kind, target, False, f"refund {refund.get('id')} is {status}")
    return Reversal(kind, target, True, "it was refunded already")


def _reverse_invoice(target: str, tags: Tags) -> ReversalFlow:
    paid = yield from remove_invoice(target, prefix=f"rollback.{target}")
    if paid is None:
        return Reversal("invoice", target, True, "deleted or voided")
    return (yield from _refund_invoice(target, tags))


def _refund_invoice(invoice: str, tags: Tags) -> ReversalFlow:
    payments = yield from find_invoice_payments(invoice, prefix=f"rollback.{invoice}.payments")
    done: list[Reversal] = []
    for item in payments:
        kind, target = payment_of(item)
        if kind == "payment_intent" and target:
            done.append((yield from _reverse_payment_intent(target, tags)))
        elif kind == "charge" and target:
            done.append((yield from _refund(("charge", target), target, {}, tags)))
        else:
            done.append(Reversal(kind, str(target), False, f"a {kind} cannot be refunded by API"))
    return Reversal(
        "invoice",
        invoice,
        all(part.complete for part in done),
        "; ".join(part.detail for part in done) or "nothing was paid by it",
        sum(part.refunded_minor for part in done),
        next((part.currency for part in done if part.currency), None),
    )


def _reverse_subscription(target: str, tags: Tags) -> ReversalFlow:
    current = yield StripeCall(f"rollback.{target}.read", "subscriptions.retrieve", target=target)
    if current.body.get("status") not in ("canceled", "incomplete_expired"):
        yield StripeCall(
            f"rollback.{target}.cancel",
            "subscriptions.cancel",
            {"invoice_now": False, "prorate": False},
            target,
        )
    invoice = identifier(current.body.get("latest_invoice"))
    if invoice is None:
        return Reversal("subscription", target, True, "cancelled")
    part = yield from _reverse_invoice(invoice, tags)
    return Reversal(
        "subscription",
        target,
        part.complete,
        f"cancelled; first invoice: {part.detail}",
        part.refunded_minor,
        part.currency,
    )


def _reverse_checkout_session(target: str, tags: Tags) -> ReversalFlow:
    current = yield StripeCall(
        f"rollback.{target}.read", "checkout.sessions.retrieve", target=target
    )
    if current.body.get("status") == "open":
        yield StripeCall(f"rollback.{target}.expire", "checkout.sessions.expire", {}, target)
    paid = identifier(current.body.get("payment_intent"))
    subscription = identifier(current.body.get("subscription"))
    if paid is not None:
        return (yield from _reverse_payment_intent(paid, tags))
    if subscription is not None:
        return (yield from _reverse_subscription(subscription, tags))
    return Reversal("checkout.session", target, True, "expired")


def _reverse_customer(target: str, tags: Tags) -> ReversalFlow:
    try:
        current = yield StripeCall(f"rollback.{target}.read", "customers.retrieve", target=target)
    except CallFailedError as failed:
        if failed.failure.http_status != 404:
            raise
        return Reversal("customer", target, True, "it is gone")
    if not current.body.get("deleted"):
        yield StripeCall(f"rollback.{target}.delete", "customers.delete", target=target)
    return Reversal("customer", target, True, "deleted")
