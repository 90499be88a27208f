"""Refunds: the payment is read first, then one Refund of it is created."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ...core.calls import Reply, StripeCall
from ...core.money import to_major, to_minor
from ...core.operation import Instruction, State
from ...errors import InputError, InvalidAmountError
from ..flows import Flow, Outcome, Tags, compact, expanded, identifier, with_tags


@dataclass(frozen=True, slots=True)
class Payment:
    """What can be refunded: which field names it, and what is left of it in minor units."""

    field: str  # "payment_intent" or "charge": the parameter of the refund
    id: str
    currency: str
    left_minor: int | None  # None where Stripe did not say
    customer: Any = None


def refund_payment(instruction: Instruction, tags: Tags) -> Flow:
    """Refund a payment in part or in full; what is left of it is the default.

    Stripe: "Refunds". The amount is in the payment's own currency, whatever the route's is.
    """
    payment = yield from find_payment(str(instruction.payment_id))
    amount_minor = _amount_minor(instruction, payment)
    email = instruction.user_email or expanded(payment.customer).get("email")
    if email is None and isinstance(payment.customer, str):
        found = yield StripeCall("customer", "customers.retrieve", target=payment.customer)
        email = found.body.get("email")
    reply = yield StripeCall(
        "refund",
        "refunds.create",
        compact(
            **{payment.field: payment.id},
            amount=amount_minor,
            **instruction.params,
            metadata=with_tags(instruction, tags),
        ),
    )
    return refund_settlement(reply, email)


def _amount_minor(instruction: Instruction, payment: Payment) -> int | None:
    if instruction.amount is None:
        return payment.left_minor or None  # nothing left: Stripe's own words say it best
    amount_minor = to_minor(instruction.amount, payment.currency)
    if payment.left_minor is not None and amount_minor > payment.left_minor:
        left = to_major(payment.left_minor, payment.currency)
        raise InvalidAmountError(
            f"cannot refund {instruction.amount} {payment.currency} of {instruction.payment_id}: "
            f"{left} {payment.currency} is left of it"
        )
    return amount_minor


def refund_settlement(reply: Reply, email: str | None) -> Outcome:
    """Judge a refund by its status: `succeeded` is final, `failed` and `canceled` moved nothing."""
    body = reply.body
    status = body.get("status")
    done = status == "succeeded"
    dead = status in ("failed", "canceled")
    state = State.SUCCEEDED if done else State.FAILED if dead else State.OPEN
    return Outcome(
        state=state,
        reply=reply,
        action_type="refund_open" if state is State.OPEN else "refund",
        paid=done,
        amount_minor=body.get("amount"),
        currency=body.get("currency"),
        user_email=email,
    )


def find_payment(payment_id: str) -> Generator[StripeCall, Reply, Payment]:
    """Find what money is behind `pi_…` or `in_…`.

    An invoice has had 0 to n payments since API version 2025-03-31; anything but one that Stripe
    itself can refund is an `InputError`.
    """
    if payment_id.startswith("pi_"):
        return (yield from _payment_intent(payment_id))
    payments = yield from find_invoice_payments(payment_id)
    if not payments:
        raise InputError(
            f"invoice {payment_id} has no payment that could be refunded: it is unpaid, came to "
            "nothing, or was paid from a balance; issue a credit note at Stripe instead"
        )
    if len(payments) > 1:
        ids = ", ".join(str(payment_of(item)[1]) for item in payments)
        raise InputError(
            f"invoice {payment_id} was paid by several payments; refund each by its id: {ids}"
        )
    kind, target = payment_of(payments[0])
    if kind == "payment_intent" and target:
        return (yield from _payment_intent(target))
    if kind == "charge" and target:
        return (yield from _charge(target))
    raise InputError(
        f"invoice {payment_id} was paid by a {kind}, which Stripe cannot refund; return the money "
        "the way it came"
    )


def payment_of(item: dict[str, Any]) -> tuple[str, str | None]:
    """Return kind and id of what an `invoice_payment` was paid with."""
    payment = expanded(item.get("payment"))
    kind = str(payment.get("type"))
    return kind, identifier(payment.get(kind))


def find_invoice_payments(
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


def _payment_intent(target: str) -> Generator[StripeCall, Reply, Payment]:
    reply = yield StripeCall(
        "payment", "payment_intents.retrieve", {"expand": ["latest_charge", "customer"]}, target
    )
    body = reply.body
    charge = body.get("latest_charge")
    if isinstance(charge, str):
        charge = (yield StripeCall("charge", "charges.retrieve", target=charge)).body
    left = _left_minor(charge) if charge else None
    return Payment("payment_intent", target, str(body["currency"]), left, body.get("customer"))


def _charge(target: str) -> Generator[StripeCall, Reply, Payment]:
    reply = yield StripeCall("charge", "charges.retrieve", {"expand": ["customer"]}, target)
    body = reply.body
    return Payment("charge", target, str(body["currency"]), _left_minor(body), body.get("customer"))


def _left_minor(charge: Any) -> int | None:
    captured = charge.get("amount_captured", charge.get("amount"))
    if not isinstance(captured, int):
        return None
    return max(captured - int(charge.get("amount_refunded") or 0), 0)
