"""A charge: one PaymentIntent for an amount, or one Invoice for a price."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final

from ...core.calls import CallFailedError, Reply, StripeCall
from ...core.identifiers import check_id
from ...core.money import normalize_currency, to_minor
from ...core.operation import Instruction, Operation
from ...errors import InputError, LimitExceededError
from ..flows import Flow, Outcome, Tags, cleanup, compact, default_payment_method, with_tags
from ..objects import invoice, payment_intent
from ..objects.kind import ObjectKind
from ..objects.tagged import Listing, Search, find, only
from ..outcomes import may_retry
from ..requests import check_text, merge_metadata
from ..resolved import Resolved
from .intent import Intent, intent_of, written
from .kind import OperationKind

# Stripe does not document the bound on the description of a PaymentIntent or invoice; this is ours.
MAX_DESCRIPTION: Final = 1000


def intent_to_charge(
    found: Resolved,
    *,
    amount: Any,
    description: Any,
    price_id: Any,
    currency: Any,
    customer_id: Any,
    payment_method: Any,
    metadata: Any,
    overrides: Mapping[str, str] | None,
) -> Intent:
    """Build the intent of a charge by amount, or by price when no amount is given."""
    if amount is not None and price_id is not None:
        raise InputError(
            "The charge names an amount and a price_id",
            "Pass one of them: a charge is one payment.",
        )
    route = found.route
    named = None if currency is None else normalize_currency(currency)
    asked = {
        "amount": None if amount is None else written(amount),
        "currency": named,
        "price": None if price_id is None else check_id("price", price_id),
        "customer": None if customer_id is None else check_id("customer", customer_id),
    }
    by_amount = amount is not None
    if by_amount:
        named = named or found.require_currency()
    method = payment_method or route.payment_method_id
    if payment_method is not None:
        check_id("payment_method", payment_method)
    instruction = Instruction(
        action="charge",
        kind="amount" if by_amount else "price",
        bot_id=found.bot.canonical,
        amount_minor=to_minor(amount, str(named)) if by_amount else None,
        currency=named or route.currency,
        price_id=None if by_amount else asked["price"] or route.price_id,
        customer_id=asked["customer"] or route.customer_id,
        payment_method_id=method,
        description=route.description
        if description is None
        else check_text("description", description, MAX_DESCRIPTION),
        user_email=route.user_email,
        # With both known, reading the customer would add nothing.
        customer_known=bool(method and route.user_email),
        metadata=merge_metadata(route.metadata, metadata),
    )
    return intent_of(instruction, overrides, asked=asked)


def charge_by_amount(instruction: Instruction, tags: Tags) -> Flow:
    """Create one PaymentIntent, confirmed off-session where a payment method is known.

    Stripe: PaymentIntents, `off_session` and `error_on_requires_action`: a payment that needs the
    customer's presence fails instead of waiting for an absent customer.
    """
    email, method = instruction.user_email, instruction.payment_method_id
    if not instruction.customer_known:
        customer = (
            yield StripeCall("customer", "customers.retrieve", target=instruction.customer_id)
        ).body
        if customer.get("deleted"):
            raise InputError(
                f"Customer {instruction.customer_id} was deleted at Stripe",
                "Correct customer_id in the route, or pass another.",
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
        settled = yield from cleanup(payment_intent.remove(left))
        if settled is not None:
            return payment_intent.judge(settled, email)
        raise failure from None
    return payment_intent.judge(reply, email)


def charge_by_price(instruction: Instruction, tags: Tags) -> Flow:
    """Draft an Invoice, add one item, finalize it, and pay it.

    The item names its invoice, so that no other invoice can include it, and the invoice includes no
    pending items. An amount due above what is permitted, or above the invoice's own total (an
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
    target = str(draft.body["id"])
    try:
        yield StripeCall(
            "item",
            "invoice_items.create",
            compact(
                customer=instruction.customer_id,
                invoice=target,
                pricing={"price": instruction.price_id},
                quantity=1,
                metadata=dict(tags),
            ),
        )
        reply = yield StripeCall(
            "finalize", "invoices.finalize_invoice", {"auto_advance": False}, target
        )
        _refuse_excess(instruction, reply.body)
        if reply.body.get("status") != "paid":
            reply = yield StripeCall(
                "pay",
                "invoices.pay",
                compact(payment_method=instruction.payment_method_id, off_session=True),
                target,
            )
    except (CallFailedError, LimitExceededError) as failed:
        failure = failed
        settled = yield from cleanup(invoice.remove(target))
        if settled is not None:
            return invoice.judge(settled, instruction.user_email)
        raise failure from None
    return invoice.judge(reply, instruction.user_email)


def _currency_of(price_id: str) -> Generator[StripeCall, Reply, str | None]:
    """Read a price's currency, or return None where it cannot be read and Stripe decides.

    An invoice without one takes the customer's or the account's, and Stripe then refuses a price in
    another.
    """
    try:
        price = yield StripeCall("price", "prices.retrieve", target=price_id)
    except CallFailedError as failed:
        if may_retry(failed.failure):
            raise
        return None
    currency = price.body.get("currency")
    return currency if isinstance(currency, str) else None


def _refuse_excess(instruction: Instruction, finalized: Mapping[str, Any]) -> None:
    due, total = finalized.get("amount_due"), finalized.get("total")
    bounds = [bound for bound in (instruction.permitted_minor, total) if isinstance(bound, int)]
    # With a bound, an invoice without an amount due is not paid either.
    if bounds and (not isinstance(due, int) or due > min(bounds)):
        raise LimitExceededError(
            f"The amount due of invoice {finalized.get('id')} for {instruction.price_id} is {due} "
            f"minor units of {finalized.get('currency')}, above the {min(bounds)} permitted, so it "
            "was voided",
            "Check the customer's balance and taxes at Stripe.",
            objects={"invoice": finalized.get("id")},
        )


def _unconfirmed(instruction: Instruction, item: Mapping[str, Any]) -> bool:
    """Return whether the router never meant to confirm this PaymentIntent."""
    return (
        instruction.payment_method_id is None
        and item.get("status") == "requires_payment_method"
        and (not item.get("last_payment_error"))
    )


def _is_partial_by_amount(instruction: Instruction, item: Mapping[str, Any]) -> bool:
    dead_or_decided = ("succeeded", "processing", "canceled")
    return item.get("status") not in dead_or_decided and not _unconfirmed(instruction, item)


def _is_partial_by_price(_: Instruction, item: Mapping[str, Any]) -> bool:
    return item.get("status") not in ("paid", "void")


def _search(operation: Operation, method: str, kind: ObjectKind) -> Search:
    instruction, outcomes = operation.instruction, list[Outcome]()
    assert kind.remove is not None, "what a charge creates can be removed"
    for item in (yield from find(operation, method, customer=instruction.customer_id)):
        if _unconfirmed(instruction, item):
            outcomes.append(kind.judge(Reply(item), instruction.user_email))
            continue
        paid = yield from kind.remove(str(item["id"]), f"remove.{item['id']}")
        if paid is not None:
            outcomes.append(kind.judge(paid, instruction.user_email))
    return only(outcomes)


def _earlier(operation: Operation, method: str) -> Listing:
    return find(operation, method, ever=True, customer=operation.instruction.customer_id)


BY_AMOUNT: Final = OperationKind(
    kind="amount",
    flow=charge_by_amount,
    search=lambda operation: _search(operation, "payment_intents.list", payment_intent.KIND),
    earlier=lambda operation: _earlier(operation, "payment_intents.list"),
    is_partial=_is_partial_by_amount,
)
BY_PRICE: Final = OperationKind(
    kind="price",
    flow=charge_by_price,
    search=lambda operation: _search(operation, "invoices.list", invoice.KIND),
    earlier=lambda operation: _earlier(operation, "invoices.list"),
    is_partial=_is_partial_by_price,
)
