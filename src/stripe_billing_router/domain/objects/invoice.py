"""An Invoice: judged by what was paid; reversed by deleting, voiding or refunding it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from ...core.calls import CallFailedError, Reply, StripeCall
from ...core.operation import State
from ..flows import Outcome, Tags, compact, expanded, identifier
from . import payment_intent
from .kind import ObjectKind, Removal, Reversal, ReversalFlow


def judge(reply: Reply, email: str | None) -> Outcome:
    """Judge an invoice by its status; the ledger takes what was paid, not what was billed."""
    body = reply.body
    status = body.get("status")
    paid = status == "paid"
    # An uncollectible invoice can still be paid, so only a void one is dead.
    state = State.SUCCEEDED if paid else State.FAILED if status == "void" else State.OPEN
    return Outcome(
        state=state,
        reply=reply,
        action_type="charge_open" if state is State.OPEN else "charge",
        paid=paid,
        amount_minor=body.get("amount_paid") if paid else body.get("amount_due"),
        currency=body.get("currency"),
        user_email=email or body.get("customer_email"),
    )


def remove(target: str, prefix: str = "remove") -> Removal:
    """Delete a draft, void a finalized invoice; return it if it was paid after all.

    Both are preceded by a read: a DELETE has no idempotency key at Stripe.
    """
    try:
        current = yield StripeCall(f"{prefix}.read", "invoices.retrieve", target=target)
    except CallFailedError as failed:
        if failed.failure.http_status == 404:  # a deleted draft does not come back
            return None
        raise
    status = current.body.get("status")
    if status == "paid":
        return current
    if status == "draft":
        yield StripeCall(f"{prefix}.delete", "invoices.delete", target=target)
    elif status != "void":
        yield StripeCall(f"{prefix}.void", "invoices.void_invoice", target=target)
    return None


def payment_of(item: dict[str, Any]) -> tuple[str, str | None]:
    """Return the kind and id of the payment in an `invoice_payment`."""
    payment = expanded(item.get("payment"))
    kind = str(payment.get("type"))
    return kind, identifier(payment.get(kind))


def payments_of(
    invoice: str, prefix: str = "payments"
) -> Generator[StripeCall, Reply, list[dict[str, Any]]]:
    """List the paid payments of an invoice, all pages of them."""
    found: list[dict[str, Any]] = []
    while True:
        page = yield StripeCall(
            f"{prefix}.{len(found)}",
            "invoice_payments.list",
            compact(
                invoice=invoice,
                status="paid",
                limit=100,
                starting_after=found[-1]["id"] if found else None,
            ),
        )
        items = page.body.get("data", [])
        found.extend(items)
        if not page.body.get("has_more") or not items:
            return found


def reverse(target: str, tags: Tags) -> ReversalFlow:
    """Delete or void an invoice, or refund its payments once it was paid."""
    paid = yield from remove(target, prefix=f"rollback.{target}")
    if paid is None:
        return Reversal("invoice", target, True, "deleted or voided")
    return (yield from _refund_invoice(target, tags))


def _refund_invoice(invoice: str, tags: Tags) -> ReversalFlow:
    payments = yield from payments_of(invoice, prefix=f"rollback.{invoice}.payments")
    done: list[Reversal] = []
    for item in payments:
        kind, target = payment_of(item)
        if kind == "payment_intent" and target:
            done.append((yield from payment_intent.reverse(target, tags)))
        elif kind == "charge" and target:
            done.append(
                (yield from payment_intent.refund_rest(("charge", target), target, {}, tags))
            )
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


KIND: Final = ObjectKind(
    object="invoice",
    judge=judge,
    retrieve="invoices.retrieve",
    remove=remove,
    reverse=reverse,
)
