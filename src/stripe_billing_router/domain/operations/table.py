"""What became of an operation nobody heard the end of: found by reading, never by sending again.

Objects are found by paging through lists from the intent's time on and matching our metadata;
Stripe's search lags behind and never proves absence. What is half-built is removed on the way, so
that a definite answer leaves nothing payable.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final

from ...core.calls import CallFailedError, Failure, FailureKind, Reply, StripeCall
from ...core.operation import Instruction, Operation
from ..flows import Outcome, compact, expanded
from ..objects.reversal import OPERATION_TAG
from .charge import (
    invoice_settlement,
    payment_intent_settlement,
    remove_invoice,
    remove_payment_intent,
)
from .refund import find_invoice_payments, payment_of, refund_settlement
from .subscription import checkout_settlement, customer_settlement, subscription_settlement

# How much further back than the intent's time lists are read: a host's clock may have run ahead
# when it was written, and a payment that is not found would be made again. It costs pages only.
_LOOK_BACK_S: Final = 7 * 24 * 3600
_MOST_PAGES: Final = 1000

# Where what a kind of plan makes is listed; a balance makes nothing.
_LISTS: Final = {
    "amount": "payment_intents.list",
    "price": "invoices.list",
    "subscription": "subscriptions.list",
    "refund": "refunds.list",
    "checkout": "checkout.sessions.list",
    "customer": "customers.list",
}

Search = Generator[StripeCall, Reply, Outcome | None]


def reconcile(operation: Operation) -> Search:
    """Find what the operation made and judge it; None means that it had no effect.

    Half-built objects (unpaid PaymentIntents, drafts, open invoices) are removed first.
    """
    searches = {
        "amount": _charge_by_amount,
        "price": _charge_by_price,
        "subscription": _subscription,
        "refund": _refund,
        "checkout": _checkout_session,
        "customer": _customer,
    }
    search = searches.get(operation.instruction.kind)
    return (yield from search(operation)) if search else None  # a balance leaves nothing behind


def find_earlier(operation: Operation) -> Generator[StripeCall, Reply, list[dict[str, Any]]]:
    """Find what another host, or an earlier process, made for the same business key, ever.

    For when the journal cannot be asked.
    """
    instruction = operation.instruction
    filters: dict[str, Any] = {"customer": instruction.customer_id}
    if instruction.kind == "refund":
        filters = yield from _of(instruction)
    elif instruction.kind == "customer":
        filters = {"email": instruction.params.get("email")}
    elif instruction.kind == "subscription":
        filters |= {"status": "all", "expand": ["data.latest_invoice"]}
    method = _LISTS.get(instruction.kind)
    return (yield from _find(operation, method, since=False, **filters)) if method else []


def _find(
    operation: Operation, method: str, *, since: bool = True, **filters: Any
) -> Generator[StripeCall, Reply, list[dict[str, Any]]]:
    """Page through a list and return what carries this operation's tag, newest first."""
    created = {"gte": operation.created_ms // 1000 - _LOOK_BACK_S} if since else None
    found: list[dict[str, Any]] = []
    last: str | None = None
    for page_number in range(_MOST_PAGES):
        page = yield StripeCall(
            f"find.{page_number}",
            method,
            compact(created=created, limit=100, starting_after=last, **filters),
        )
        items = page.body.get("data", [])
        found.extend(item for item in items if _is_ours(item, operation))
        if not page.body.get("has_more") or not items:
            return found
        last = str(items[-1]["id"])
    # Absence is not proven by a part of a list.
    raise CallFailedError(Failure(FailureKind.OTHER, f"{method} has more than {_MOST_PAGES} pages"))


def _is_ours(item: Mapping[str, Any], operation: Operation) -> bool:
    return expanded(item.get("metadata")).get(OPERATION_TAG) == operation.operation_id


def _charge_by_amount(operation: Operation) -> Search:
    instruction = operation.instruction
    effects: list[Outcome] = []
    for item in (
        yield from _find(operation, "payment_intents.list", customer=instruction.customer_id)
    ):
        if _unconfirmed(instruction, item):
            effects.append(payment_intent_settlement(Reply(item), instruction.user_email))
            continue
        paid = yield from remove_payment_intent(str(item["id"]), prefix=f"remove.{item['id']}")
        if paid is not None:
            effects.append(payment_intent_settlement(paid, instruction.user_email))
    return _only(effects)


def _unconfirmed(instruction: Instruction, item: Mapping[str, Any]) -> bool:
    """Whether a PaymentIntent is one that was never meant to be confirmed by the router."""
    return (
        instruction.payment_method_id is None
        and item.get("status") == "requires_payment_method"
        and (not item.get("last_payment_error"))
    )


def attempt_of(item: Mapping[str, Any]) -> int:
    """Return the number of the attempt that made this object."""
    return int(item["metadata"].get("sbr_attempt") or 1)


def is_half_built(instruction: Instruction, item: Mapping[str, Any]) -> bool:
    """Whether a PaymentIntent or invoice is on its way to be paid or removed by its flow."""
    status = item.get("status")
    if instruction.kind == "price":
        return status not in ("paid", "void")
    dead_or_decided = ("succeeded", "processing", "canceled")
    return (
        instruction.kind == "amount"
        and status not in dead_or_decided
        and not _unconfirmed(instruction, item)
    )


def _charge_by_price(operation: Operation) -> Search:
    instruction = operation.instruction
    effects: list[Outcome] = []
    for item in (yield from _find(operation, "invoices.list", customer=instruction.customer_id)):
        paid = yield from remove_invoice(str(item["id"]), prefix=f"remove.{item['id']}")
        if paid is not None:
            effects.append(invoice_settlement(paid, instruction.user_email))
    return _only(effects)


def _subscription(operation: Operation) -> Search:
    instruction = operation.instruction
    effects: list[Outcome] = []
    for item in (
        yield from _find(
            operation,
            "subscriptions.list",
            customer=instruction.customer_id,
            status="all",
            expand=["data.latest_invoice"],
        )
    ):
        invoice = item.get("latest_invoice")
        if isinstance(invoice, str):
            invoice = (yield StripeCall("invoice", "invoices.retrieve", target=invoice)).body
        effects.append(
            subscription_settlement(Reply(item), expanded(invoice), instruction.user_email)
        )
    return _only(effects)


def _refund(operation: Operation) -> Search:
    instruction = operation.instruction
    found = yield from _find(operation, "refunds.list", **(yield from _of(instruction)))
    return _only([refund_settlement(Reply(item), instruction.user_email) for item in found])


def _of(instruction: Instruction) -> Generator[StripeCall, Reply, dict[str, Any]]:
    """Return the filter by which Stripe lists the refunds of the plan's payment."""
    payment = str(instruction.payment_id)
    if not payment.startswith("in_"):
        return {"payment_intent": payment}
    filters: dict[str, Any] = {}
    for item in (yield from find_invoice_payments(payment, prefix="find.payments")):
        kind, target = payment_of(item)
        if kind in ("payment_intent", "charge"):
            filters = {kind: target}
    return filters


def _checkout_session(operation: Operation) -> Search:
    customer = operation.instruction.customer_id
    found = yield from _find(operation, "checkout.sessions.list", customer=customer)
    return _only(
        [checkout_settlement(Reply(item), operation.instruction.user_email) for item in found]
    )


def _customer(operation: Operation) -> Search:
    found = yield from _find(operation, "customers.list")
    return _only([customer_settlement(Reply(item)) for item in found])


def _only(effects: list[Outcome]) -> Outcome | None:
    """Return the one that counts: what took money before what is dead."""
    order: Iterator[Outcome] = iter(
        sorted(effects, key=lambda effect: (not effect.paid, effect.state.value == "failed"))
    )
    return next(order, None)
