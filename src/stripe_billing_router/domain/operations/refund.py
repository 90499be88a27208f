"""A refund: the payment is read first, then one Refund of it is created."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...core.calls import Reply, StripeCall
from ...core.identifiers import check_id
from ...core.money import to_major, to_minor
from ...core.operation import Instruction, Operation
from ...errors import InputError, InvalidAmountError
from ..flows import Flow, Tags, compact, expanded, with_tags
from ..objects.invoice import payment_of, payments_of
from ..objects.refund import judge
from ..objects.tagged import Listing, Search, find, only
from ..requests import check_params, check_reason, split_metadata
from ..resolved import Resolved
from .intent import Intent, intent_of, written
from .kind import OperationKind


def intent_to_refund(
    found: Resolved,
    payment_id: Any,
    *,
    amount: Any,
    reason: Any,
    overrides: Mapping[str, str] | None,
    params: Mapping[str, Any],
) -> Intent:
    """Build the intent of a refund; its amount stays in major units until the currency is read."""
    payment = check_id("payment", payment_id)
    extra = check_params("refund", params)
    metadata = split_metadata(extra, {})
    why = check_reason(reason)
    if why is not None:
        extra["reason"] = why
    exact = None if amount is None else written(amount)
    instruction = Instruction(
        action="refund",
        kind="refund",
        bot_id=found.bot.canonical,
        amount=exact,
        payment_id=payment,
        user_email=found.route.user_email,
        metadata=metadata,
        params=extra,
    )
    return intent_of(instruction, overrides, asked={"payment": payment, "amount": exact})


@dataclass(frozen=True, slots=True)
class Payment:
    """What can be refunded: which field names it, and what is left of it in minor units."""

    field: str  # "payment_intent" or "charge": the parameter of the refund
    id: str
    currency: str
    left_minor: int | None  # None if Stripe did not say
    customer: Any = None


def refund_payment(instruction: Instruction, tags: Tags) -> Flow:
    """Refund a payment in part, or by default all that is left of it.

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
    return judge(reply, email)


def _amount_minor(instruction: Instruction, payment: Payment) -> int | None:
    if instruction.amount is None:
        return payment.left_minor or None  # nothing left: let Stripe refuse it
    amount_minor = to_minor(instruction.amount, payment.currency)
    if payment.left_minor is not None and amount_minor > payment.left_minor:
        left = to_major(payment.left_minor, payment.currency)
        raise InvalidAmountError(
            f"A refund of {instruction.amount} {payment.currency} exceeds the {left} "
            f"{payment.currency} left of {instruction.payment_id}",
            "Refund at most what is left, or leave the amount out to refund all of it.",
        )
    return amount_minor


def find_payment(payment_id: str) -> Generator[StripeCall, Reply, Payment]:
    """Find the payment behind `pi_…` or `in_…`.

    An invoice has had 0 to n payments since API version 2025-03-31; anything but one that Stripe
    itself can refund is an `InputError`.
    """
    if payment_id.startswith("pi_"):
        return (yield from _payment_intent(payment_id))
    payments = yield from payments_of(payment_id)
    if not payments:
        raise InputError(
            f"Invoice {payment_id} has no payment that could be refunded: it is unpaid, its total "
            "was zero, or it was paid from a balance",
            "Issue a credit note at Stripe instead.",
        )
    if len(payments) > 1:
        ids = ", ".join(str(payment_of(item)[1]) for item in payments)
        raise InputError(
            f"Invoice {payment_id} was paid by several payments",
            f"Refund each by its id: {ids}.",
        )
    kind, target = payment_of(payments[0])
    if kind == "payment_intent" and target:
        return (yield from _payment_intent(target))
    if kind == "charge" and target:
        return (yield from _charge(target))
    raise InputError(
        f"Invoice {payment_id} was paid by a {kind}, which Stripe cannot refund",
        "Return the money the way it was paid.",
    )


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


def _search(operation: Operation) -> Search:
    email = operation.instruction.user_email
    return only([judge(Reply(item), email) for item in (yield from _listed(operation))])


def _listed(operation: Operation, *, ever: bool = False) -> Listing:
    filters = yield from _of(operation.instruction)
    return (yield from find(operation, "refunds.list", ever=ever, **filters))


def _of(instruction: Instruction) -> Generator[StripeCall, Reply, dict[str, Any]]:
    """Return the filter by which Stripe lists the refunds of this payment."""
    payment = str(instruction.payment_id)
    if not payment.startswith("in_"):
        return {"payment_intent": payment}
    filters: dict[str, Any] = {}
    for item in (yield from payments_of(payment, prefix="find.payments")):
        kind, target = payment_of(item)
        if kind in ("payment_intent", "charge"):
            filters = {kind: target}
    return filters


REFUND: Final = OperationKind(
    kind="refund",
    flow=refund_payment,
    search=_search,
    earlier=lambda operation: _listed(operation, ever=True),
)
