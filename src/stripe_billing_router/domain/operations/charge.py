"""Charges: one PaymentIntent for an amount, or one Invoice for a price."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from ...core.calls import CallFailedError, Reply, StripeCall
from ...core.operation import Instruction, State
from ...errors import InputError, LimitExceededError
from ..flows import Flow, Outcome, Tags, cleanup, compact, default_payment_method, with_tags
from ..outcomes import may_retry


def charge_by_amount(instruction: Instruction, tags: Tags) -> Flow:
    """Create one PaymentIntent, confirmed off-session where a payment method is known.

    Stripe: PaymentIntents, `off_session` and `error_on_requires_action`: whatever needs the
    customer's presence fails instead of waiting for somebody who is not there.
    """
    email, method = instruction.user_email, instruction.payment_method_id
    if not instruction.customer_known:
        customer = (
            yield StripeCall("customer", "customers.retrieve", target=instruction.customer_id)
        ).body
        if customer.get("deleted"):
            raise InputError(
                f"customer {instruction.customer_id} was deleted at Stripe; mend the route"
            )
        email = email or customer.get("email")
        method = method or default_payment_method(customer)
    params = compact(
        amount=instruction.amount_minor,
        currency=instruction.currency,
        customer=instruction.customer_id,
        description=instruction.description,
        metadata=with_tags(instruction, tags),
        automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
    )
    if method:
        params |= {
            "payment_method": method,
            "confirm": True,
            "off_session": True,
            "error_on_requires_action": True,
        }
    try:
        reply = yield StripeCall("create", "payment_intents.create", params)
    except CallFailedError as failed:
        left = failed.failure.objects.get("payment_intent")
        if left is None:
            raise
        failure = failed
        settled = yield from cleanup(remove_payment_intent(left))
        if settled is not None:
            return payment_intent_settlement(settled, email)
        raise failure from None
    return payment_intent_settlement(reply, email)


def payment_intent_settlement(reply: Reply, email: str | None) -> Outcome:
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


def remove_payment_intent(
    target: str, prefix: str = "remove"
) -> Generator[StripeCall, Reply, Reply | None]:
    """Cancel a PaymentIntent unless it is already; return it if it was paid after all."""
    current = yield StripeCall(f"{prefix}.read", "payment_intents.retrieve", target=target)
    status = current.body.get("status")
    if status in ("succeeded", "processing"):
        return current
    if status != "canceled":
        yield StripeCall(f"{prefix}.cancel", "payment_intents.cancel", target=target)
    return None


def charge_by_price(instruction: Instruction, tags: Tags) -> Flow:
    """Draft an Invoice, put one item on it, finalize it, and pay it.

    The item names its invoice, so that no other invoice can sweep it up, and the invoice takes no
    pending items in. An amount due above what is permitted, or above the invoice's own total (an
    earlier debt of the customer), voids it. Stripe: "Invoices", "Integrate with the Invoicing API".
    """
    currency = instruction.currency or (yield from _currency_of(str(instruction.price_id)))
    draft = yield StripeCall(
        "invoice",
        "invoices.create",
        compact(
            customer=instruction.customer_id,
            currency=currency,
            description=instruction.description,
            auto_advance=False,
            collection_method="charge_automatically",
            pending_invoice_items_behavior="exclude",
            metadata=with_tags(instruction, tags),
        ),
    )
    invoice = str(draft.body["id"])
    try:
        yield StripeCall(
            "item",
            "invoice_items.create",
            compact(
                customer=instruction.customer_id,
                invoice=invoice,
                pricing={"price": instruction.price_id},
                quantity=1,
                metadata=dict(tags),
            ),
        )
        reply = yield StripeCall(
            "finalize", "invoices.finalize_invoice", {"auto_advance": False}, invoice
        )
        _refuse_excess(instruction, reply.body)
        if reply.body.get("status") != "paid":
            reply = yield StripeCall(
                "pay",
                "invoices.pay",
                compact(payment_method=instruction.payment_method_id, off_session=True),
                invoice,
            )
    except (CallFailedError, LimitExceededError) as failed:
        failure = failed
        settled = yield from cleanup(remove_invoice(invoice))
        if settled is not None:
            return invoice_settlement(settled, instruction.user_email)
        raise failure from None
    return invoice_settlement(reply, instruction.user_email)


def _currency_of(price_id: str) -> Generator[StripeCall, Reply, str | None]:
    """Read a price's currency, or return None where it cannot be read and Stripe decides.

    An invoice that names none takes the customer's or the account's, and Stripe then refuses a
    price in another.
    """
    try:
        price = yield StripeCall("price", "prices.retrieve", target=price_id)
    except CallFailedError as failed:
        if may_retry(failed.failure):
            raise
        return None
    currency = price.body.get("currency")
    return currency if isinstance(currency, str) else None


def _refuse_excess(instruction: Instruction, invoice: Mapping[str, Any]) -> None:
    due, total = invoice.get("amount_due"), invoice.get("total")
    bounds = [bound for bound in (instruction.permitted_minor, total) if isinstance(bound, int)]
    # Where there is a bound, an invoice that does not say what it comes to is not paid either.
    if bounds and (not isinstance(due, int) or due > min(bounds)):
        raise LimitExceededError(
            f"invoice {invoice.get('id')} for {instruction.price_id} came to {due} minor units of "
            f"{invoice.get('currency')}, and {min(bounds)} were permitted; it was voided. Look at "
            "the customer's balance and taxes at Stripe",
            objects={"invoice": invoice.get("id")},
        )


def invoice_settlement(reply: Reply, email: str | None) -> Outcome:
    """Judge an invoice by its status; the ledger takes what was paid, not what was billed."""
    body = reply.body
    status = body.get("status")
    paid = status == "paid"
    # One that was written off as uncollectible can still be paid, so only a void one is dead.
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


def remove_invoice(
    target: str, prefix: str = "remove"
) -> Generator[StripeCall, Reply, Reply | None]:
    """Delete a draft, void a finalized invoice; return it if it was paid after all.

    Both are preceded by a read: a DELETE has no idempotency key at Stripe.
    """
    try:
        current = yield StripeCall(f"{prefix}.read", "invoices.retrieve", target=target)
    except CallFailedError as failed:
        if failed.failure.http_status == 404:  # a draft that was deleted is gone for good
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
