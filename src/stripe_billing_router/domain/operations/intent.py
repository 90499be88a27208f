"""From a helper's arguments and a route to a plan and its fingerprints: all validation, no request.

The fingerprint covers what is bought and never how it is paid or described. There are two: of the
resolved facts, and of the request as the caller made it. Either being equal means "the same": a
bot's retry stays its retry when the operator has changed the route in between.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.identifiers import check_id
from ...core.ids import fingerprint
from ...core.money import decimal_amount, normalize_currency, to_minor
from ...core.operation import Instruction
from ...errors import InputError
from ...redaction import holds_secret
from ...routing.table import Resolution
from ..requests import (
    check_params,
    check_reason,
    check_text,
    complete_checkout,
    merge_metadata,
    split_metadata,
)

# Of a new customer, what words it and how it is to pay; the rest is who it is.
_NOT_WHO = ("description", "invoice_settings", "payment_method")

# Stripe's bound on a PaymentIntent's and an invoice's description is not documented; this is ours.
MAX_DESCRIPTION = 1000


@dataclass(frozen=True, slots=True)
class Intent:
    """A plan with the fingerprints of what was resolved and of what was asked."""

    instruction: Instruction
    fingerprint: str
    request_fingerprint: str


def intent_of(
    instruction: Instruction, overrides: Mapping[str, str] | None, **asked: Any
) -> Intent:
    """Return the intent of an instruction: `asked` is the request as the caller made it."""
    _refuse_secrets(instruction)
    bought: dict[str, Any] = {
        "kind": instruction.kind,
        "amount_minor": instruction.amount_minor,
        "amount": instruction.amount,
        "currency": instruction.currency,
        "price": instruction.price_id,
        "customer": instruction.customer_id,
        "payment": instruction.payment_id,
        "overrides": dict(overrides or {}),
    }
    if instruction.kind == "customer":
        bought["customer"] = asked["customer"]
    if instruction.kind == "checkout":
        bought["price"] = [instruction.params.get("mode"), instruction.params.get("line_items")]
    request = {"kind": instruction.kind, "overrides": dict(overrides or {}), "asked": asked}
    return Intent(instruction, fingerprint(bought), fingerprint(request))


def _refuse_secrets(instruction: Instruction) -> None:
    """Refuse what would stand at Stripe and in the ledger for everybody there to read."""
    for name in ("description", "metadata", "params"):
        if holds_secret(json.dumps(getattr(instruction, name))):
            raise InputError(
                f"{name} holds what looks like a key or another secret; it would be stored at "
                "Stripe and in the ledger. Take it out"
            )


def _written(amount: Any) -> str:
    """Write an amount in one way, whatever the caller's decimal context: 10, "10.00" and 10.0."""
    text = str(decimal_amount(amount))
    return text.rstrip("0").rstrip(".") if "." in text else text


def intent_to_charge(
    found: Resolution,
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
    """Plan a charge by amount, or by price when no amount is given."""
    if amount is not None and price_id is not None:
        raise InputError("give amount or price_id, not both: one charge takes one payment")
    route = found.route
    named = None if currency is None else normalize_currency(currency)
    asked = {
        "amount": None if amount is None else _written(amount),
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
        description=check_text("description", description, MAX_DESCRIPTION) or route.description,
        user_email=route.user_email,
        # With both known there is nothing that the customer's record could add.
        customer_known=bool(method and route.user_email),
        metadata=merge_metadata(route.metadata, metadata),
    )
    return intent_of(instruction, overrides, **asked)


def intent_to_subscribe(
    found: Resolution,
    *,
    price_id: Any,
    customer_id: Any,
    overrides: Mapping[str, str] | None,
    params: Mapping[str, Any],
) -> Intent:
    """Plan a subscription to the route's subscription price, or to the price given."""
    route = found.route
    extra = check_params("create_subscription", params)
    price = None if price_id is None else check_id("price", price_id)
    customer = None if customer_id is None else check_id("customer", customer_id)
    method = extra.pop("default_payment_method", None)
    if method is not None:
        check_id("payment_method", method)
    instruction = Instruction(
        action="subscription",
        kind="subscription",
        bot_id=found.bot.canonical,
        price_id=price or route.subscription_price_id or route.price_id,
        customer_id=customer or route.customer_id,
        payment_method_id=method or route.payment_method_id,
        description=check_text("description", extra.pop("description", None), 500)
        or route.description,
        user_email=route.user_email,
        metadata=split_metadata(extra, route.metadata),
        params=extra,
    )
    return intent_of(instruction, overrides, price=price, customer=customer)


def intent_to_refund(
    found: Resolution,
    payment_id: Any,
    *,
    amount: Any,
    reason: Any,
    overrides: Mapping[str, str] | None,
    params: Mapping[str, Any],
) -> Intent:
    """Plan a refund. Its currency is the payment's, so the amount stays in major units here."""
    payment = check_id("payment", payment_id)
    extra = check_params("refund", params)
    metadata = split_metadata(extra, {})
    why = check_reason(reason)
    if why is not None:
        extra["reason"] = why
    exact = None if amount is None else _written(amount)
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
    return intent_of(instruction, overrides, payment=payment, amount=exact)


def intent_to_check_out(
    found: Resolution,
    params: Mapping[str, Any] | None,
    *,
    overrides: Mapping[str, str] | None,
) -> Intent:
    """Plan a checkout session for the route's price and customer."""
    route = found.route
    extra = check_params("create_checkout_session", params)
    metadata = split_metadata(extra, route.metadata)
    asked = {"mode": extra.get("mode"), "line_items": extra.get("line_items")}
    extra = complete_checkout(extra, route.price_id, route.customer_id)
    if extra["mode"] == "setup":
        extra["currency"] = found.require_currency()  # Stripe: required in this mode
    instruction = Instruction(
        action="checkout_session",
        kind="checkout",
        bot_id=found.bot.canonical,
        customer_id=route.customer_id,
        user_email=route.user_email,
        metadata=metadata,
        params=extra,
    )
    return intent_of(instruction, overrides, **asked)


def intent_to_create_customer(
    found: Resolution,
    customer_info: Mapping[str, Any],
    *,
    overrides: Mapping[str, str] | None,
) -> Intent:
    """Plan a new customer."""
    if customer_info is None:
        raise InputError("create_customer needs customer_info, such as {'email': …}")
    extra = check_params("create_customer", customer_info)
    metadata = split_metadata(extra, {})
    instruction = Instruction(
        action="customer",
        kind="customer",
        bot_id=found.bot.canonical,
        metadata=metadata,
        params=extra,
    )
    who = {name: value for name, value in extra.items() if name not in _NOT_WHO}
    return intent_of(instruction, overrides, customer=who)


def intent_to_read_balance(found: Resolution, currency: Any) -> Intent:
    """Plan a look at the balance in one currency, by default the route's."""
    named = found.require_currency() if currency is None else normalize_currency(currency)
    instruction = Instruction(
        action="balance",
        kind="balance",
        bot_id=found.bot.canonical,
        currency=named,
        user_email=found.route.user_email,
    )
    return intent_of(instruction, None, currency=named)
