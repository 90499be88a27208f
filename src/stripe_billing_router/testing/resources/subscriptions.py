"""Subscriptions: create with the first invoice, cancel, read. Renewals are not modelled."""

from __future__ import annotations

from ..account import Call, nulls
from ..cards import Behaviour
from ..failures import Json, StripeFailure, missing, not_modelled, refused
from ..listing import TIMED_PAGE, page_of
from ..validation import (
    Params,
    anything,
    at_least,
    boolean,
    currency,
    each,
    identifier,
    integer,
    metadata,
    one_of,
    switched_off,
    text,
    texts,
    words,
)
from .customers import default_method, living
from .invoice_items import sellable
from .invoice_objects import (
    add_up,
    finalize_now,
    mark_paid,
    new_invoice,
    new_line,
    payment_intent_of,
)
from .payment_methods import usable
from .payments import expected_behaviour, pay

_ITEM = Params(
    {"metadata": metadata, "price": identifier, "quantity": at_least(0)},
    required=("price",),
    refused=words("billing_thresholds current_trial discounts plan price_data tax_rates"),
)
CREATE = Params(
    {
        "automatic_tax": switched_off,
        "cancel_at": integer,
        "cancel_at_period_end": boolean,
        "collection_method": one_of("charge_automatically"),
        "currency": currency,
        "customer": identifier,
        "default_payment_method": identifier,
        "description": text,
        "expand": texts,
        "items": each(_ITEM),
        "metadata": metadata,
        "off_session": boolean,
        "payment_behavior": one_of("allow_incomplete", "default_incomplete", "error_if_incomplete"),
        "trial_end": anything,
        "trial_period_days": at_least(1, 730),
        "trial_settings": anything,
    },
    required=("customer", "items"),
    ignored=words("billing_mode payment_settings proration_behavior"),
    refused=words(
        "add_invoice_items application_fee_percent backdate_start_date billing_cycle_anchor "
        "billing_cycle_anchor_config billing_schedules billing_thresholds customer_account "
        "days_until_due default_source default_tax_rates discounts invoice_settings on_behalf_of "
        "pending_invoice_item_interval transfer_data trial_from_plan"
    ),
)
CANCEL = Params(
    {"expand": texts, "invoice_now": boolean, "prorate": boolean},
    ignored=words("cancellation_details"),
)
LIST = Params(
    {
        **TIMED_PAGE,
        "collection_method": identifier,
        "customer": identifier,
        "price": identifier,
        "status": one_of(
            "active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due",
            "paused", "trialing", "unpaid",
        ),
    },
    refused=words(
        "automatic_tax current_period_end current_period_start customer_account plan test_clock"
    ),
)  # fmt: skip

_ENDED = ("canceled", "incomplete_expired")
# The lengths of periods. The sandbox's month has 30 days.
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


def create(call: Call) -> Json:
    """Answer `POST /v1/subscriptions`: the first invoice is paid at once, unless on trial."""
    params, account = call.params, call.account
    customer = living(call, params["customer"]) or {}
    prices = [
        sellable(call, item["price"], "recurring", f"items[{index}][price]")
        for index, item in enumerate(params["items"])
    ]
    if len({(price["currency"], price["recurring"]["interval"]) for price in prices}) != 1:
        raise refused("All prices of a subscription must have one currency and one interval.")
    method = params.get("default_payment_method")
    if method is not None:
        usable(call, method, customer["id"], "default_payment_method")
    method = method or default_method(account, customer["id"])
    trial_end = _trial_end(call)
    total = 0 if trial_end else _total(call, prices)
    due = max(0, total + customer["balance"])
    how = params.get("payment_behavior", "allow_incomplete")
    behaviour = None
    if due and how != "default_incomplete":
        behaviour = expected_behaviour(call, method) if method else None
        if how == "error_if_incomplete" and (method is None or behaviour is None):
            raise _no_method()
        if how == "error_if_incomplete" and behaviour is not None:
            _refuse_failing(behaviour)
    subscription = account.add(_new_subscription(call, prices, trial_end))
    invoice = _first_invoice(call, customer, subscription, prices, free=trial_end is not None)
    subscription["latest_invoice"] = invoice["id"]
    if due:
        subscription["status"] = "incomplete"
        if method is not None and behaviour is not None:
            _collect(call, subscription, invoice, method, behaviour)
    return subscription


def _trial_end(call: Call) -> int | None:
    if "trial_period_days" in call.params:
        return call.now + int(call.params["trial_period_days"]) * 86400
    end = call.params.get("trial_end")
    return None if end in (None, "now") else integer(end, "trial_end")


def _total(call: Call, prices: list[Json]) -> int:
    return sum(
        int(price["unit_amount"]) * int(item.get("quantity", 1))
        for price, item in zip(prices, call.params["items"], strict=True)
    )


def _refuse_failing(behaviour: Behaviour) -> None:
    """Raise 402 for `error_if_incomplete`: nothing is created or left behind."""
    if behaviour.outcome == "declines":
        raise StripeFailure(
            402,
            behaviour.message,
            type="card_error",
            code=behaviour.code,
            decline_code=behaviour.decline_code,
        )
    if behaviour.outcome == "needs_authentication":
        raise StripeFailure(
            402,
            "This subscription's first payment requires additional user action before it can be "
            "completed successfully.",
            type="card_error",
            code="subscription_payment_intent_requires_action",
        )


def _no_method() -> StripeFailure:
    return refused(
        "This customer has no attached payment source or default payment method. Please consider "
        "adding a default payment method.",
        code="resource_missing",
    )


def _collect(
    call: Call, subscription: Json, invoice: Json, method: str, behaviour: Behaviour
) -> None:
    intent = payment_intent_of(call.account, invoice)
    invoice |= {"attempted": True, "attempt_count": 1}
    try:
        pay(call, intent, method, behaviour, customer_present=True, fail_on_action=False)
    except StripeFailure:
        return  # `allow_incomplete`: it waits for another payment method.
    if intent["status"] == "succeeded":
        mark_paid(call.account, invoice, call.now)
    elif intent["status"] == "processing":
        subscription["status"] = "active"


def _first_invoice(
    call: Call, customer: Json, subscription: Json, prices: list[Json], *, free: bool
) -> Json:
    invoice = new_invoice(
        call,
        customer,
        subscription["currency"],
        billing_reason="subscription_create",
        auto_advance=True,
        default_payment_method=subscription["default_payment_method"],
        parent={
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "subscription": subscription["id"],
                "metadata": dict(subscription["metadata"]),
            },
        },
    )
    for price, item in zip(prices, subscription["items"]["data"], strict=True):
        parent = {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "pricing": {"type": "price_details", "price_details": {"price": price["id"]}},
        }
        amount = 0 if free else price["unit_amount"] * item["quantity"]
        invoice["lines"]["data"].append(new_line(call, invoice, amount, item["quantity"], parent))
    call.account.add(add_up(call.account, invoice))
    finalize_now(call, invoice)
    return invoice


# Fields that are null until they have a value.
_UNKNOWN = nulls(
    "application application_fee_percent billing_cycle_anchor_config billing_thresholds "
    "canceled_at customer_account days_until_due default_source ended_at latest_invoice "
    "next_pending_invoice_item_invoice on_behalf_of pause_collection "
    "pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock "
    "transfer_data"
)


def _new_subscription(call: Call, prices: list[Json], trial_end: int | None) -> Json:
    params, target = call.params, call.world.id("sub_1")
    end = trial_end or call.now + _DAYS[prices[0]["recurring"]["interval"]] * 86400
    items = [
        {
            "id": call.world.id("si_"),
            "object": "subscription_item",
            "billing_thresholds": None,
            "created": call.now,
            "current_period_end": end,
            "current_period_start": call.now,
            "discounts": [],
            "metadata": item.get("metadata", {}),
            "price": price,
            "quantity": item.get("quantity", 1),
            "subscription": target,
            "tax_rates": [],
        }
        for price, item in zip(prices, params["items"], strict=True)
    ]
    return {
        "id": target,
        "object": "subscription",
        **_UNKNOWN,
        "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": None},
        "billing_cycle_anchor": call.now,
        "billing_mode": {"type": "flexible"},
        "cancel_at": params.get("cancel_at"),
        "cancel_at_period_end": params.get("cancel_at_period_end", False),
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": call.now,
        "currency": prices[0]["currency"],
        "customer": params["customer"],
        "default_payment_method": params.get("default_payment_method"),
        "default_tax_rates": [],
        "description": params.get("description"),
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list", "data": items, "has_more": False,
            "url": f"/v1/subscription_items?subscription={target}",
        },
        "livemode": True,
        "metadata": params.get("metadata", {}),
        "payment_settings": {"payment_method_options": None, "payment_method_types": None},
        "start_date": call.now,
        "status": "trialing" if trial_end else "active",
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": call.now if trial_end else None,
    }  # fmt: skip


def cancel(call: Call) -> Json:
    """Answer `DELETE /v1/subscriptions/{id}`; an open invoice stays open. Twice is 404."""
    subscription = call.found("subscription")
    if subscription["status"] in _ENDED:
        raise missing("subscription", call.target)
    if call.params.get("invoice_now") or call.params.get("prorate"):
        raise not_modelled("invoice_now" if call.params.get("invoice_now") else "prorate")
    subscription |= {"status": "canceled", "canceled_at": call.now, "ended_at": call.now}
    subscription["cancellation_details"]["reason"] = "cancellation_requested"
    return subscription


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/subscriptions/{id}`."""
    return call.found("subscription")


def list_(call: Call) -> Json:
    """Answer `GET /v1/subscriptions`; ended ones only on request."""
    status, price = call.params.get("status"), call.params.get("price")

    def matches(subscription: Json) -> bool:
        ended = subscription["status"] in _ENDED
        if price and all(item["price"]["id"] != price for item in subscription["items"]["data"]):
            return False
        if status in ("all", "ended"):
            return ended or status == "all"
        return bool(subscription["status"] == status if status else not ended)

    return page_of(call, "subscription", matches, "customer", "collection_method")
