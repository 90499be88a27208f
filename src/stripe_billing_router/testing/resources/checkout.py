"""Checkout sessions: create, expire, read; and what the customer does on Stripe's page."""

from __future__ import annotations

from ..account import Call, nulls
from ..failures import Json, invalid, refused
from ..listing import TIMED_PAGE, page_of
from ..validation import (
    Params,
    anything,
    at_least,
    each,
    identifier,
    integer,
    metadata,
    missing_parameter,
    nested,
    one_of,
    switched_off,
    text,
    texts,
    words,
)
from .customers import living
from .invoice_items import sellable

_LINE_ITEM = Params(
    {"metadata": metadata, "price": identifier, "quantity": at_least(1)},
    required=("price",),
    refused=words("adjustable_quantity price_data tax_rates"),
)
_PAYMENT_INTENT_DATA = Params(
    {"description": text, "metadata": metadata},
    ignored=words(
        "receipt_email setup_future_usage shipping statement_descriptor statement_descriptor_suffix"
    ),
    refused=words(
        "application_fee_amount capture_method on_behalf_of transfer_data transfer_group"
    ),
)
_SUBSCRIPTION_DATA = Params(
    {"description": text, "metadata": metadata, "trial_period_days": at_least(1, 730)},
    ignored=words("billing_mode proration_behavior trial_settings"),
    refused=words(
        "application_fee_percent billing_cycle_anchor billing_cycle_anchor_config "
        "default_tax_rates invoice_settings on_behalf_of pending_invoice_item_interval "
        "transfer_data trial_end"
    ),
)
CREATE = Params(
    {
        "automatic_tax": switched_off,
        "cancel_url": text,
        "client_reference_id": text,
        "customer": identifier,
        "customer_email": text,
        "expand": texts,
        "expires_at": integer,
        "line_items": each(_LINE_ITEM),
        "locale": text,
        "metadata": metadata,
        "mode": one_of("payment", "setup", "subscription"),
        "payment_intent_data": nested(_PAYMENT_INTENT_DATA),
        "payment_method_types": anything,
        "return_url": text,
        "submit_type": text,
        "subscription_data": nested(_SUBSCRIPTION_DATA),
        "success_url": text,
        "ui_mode": text,
    },
    ignored=words(
        "adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types "
        "billing_address_collection branding_settings consent_collection custom_fields "
        "custom_text customer_creation customer_update excluded_payment_method_types "
        "integration_identifier invoice_creation name_collection origin_context "
        "payment_method_collection payment_method_options permissions phone_number_collection "
        "redirect_on_completion saved_payment_method_options setup_intent_data "
        "shipping_address_collection tax_id_collection wallet_options"
    ),
    refused=words(
        "currency customer_account discounts managed_payments optional_items "
        "payment_method_configuration payment_method_data shipping_options"
    ),
)
LIST = Params(
    {
        **TIMED_PAGE,
        "customer": identifier,
        "payment_intent": identifier,
        "status": one_of("complete", "expired", "open"),
        "subscription": identifier,
    },
    refused=words("customer_account customer_details payment_link"),
)

# If the customer stays on the caller's page, there is no Stripe page to return from.
_HOSTED = (None, "hosted", "hosted_page")
_OPEN_FOR_S = 24 * 3600
_NO_METHOD_TYPES = "2026-09-30"


def create(call: Call) -> Json:
    """Answer `POST /v1/checkout/sessions`. The PaymentIntent is created when the customer pays."""
    params = call.params
    if "payment_method_types" in params and call.api_version[:10] >= _NO_METHOD_TYPES:
        raise invalid(
            "Received unknown parameter: payment_method_types",
            code="parameter_unknown",
            param="payment_method_types",
        )
    mode = params.get("mode")
    if mode is None:
        raise missing_parameter("mode")
    if params.get("ui_mode") in _HOSTED and not params.get("success_url"):
        raise missing_parameter("success_url")
    if mode != "setup" and not params.get("line_items"):
        raise missing_parameter("line_items")
    customer = living(call, params.get("customer"))
    if customer and params.get("customer_email"):
        raise refused(
            "You may only specify one of these parameters: customer, customer_email.",
            param="customer_email",
        )
    prices = _prices(call, str(mode))
    session = call.account.add(_new_session(call, str(mode), prices, customer))
    call.account.checkout_data[session["id"]] = params
    return session


def _prices(call: Call, mode: str) -> list[Json]:
    """Return the price of each line; one-time lines are not modelled in subscription mode."""
    kind = "recurring" if mode == "subscription" else "one_time"
    prices = [
        sellable(call, item["price"], kind, f"line_items[{index}][price]")
        for index, item in enumerate(call.params.get("line_items", ()))
    ]
    if len({price["currency"] for price in prices}) > 1:
        raise refused("All prices of a Checkout Session must have one currency.")
    return prices


# Fields that are null until they have a value.
_UNKNOWN = nulls(
    "adaptive_pricing after_expiration allow_promotion_codes billing_address_collection "
    "client_secret collected_information consent consent_collection currency_conversion "
    "customer_account customer_creation discounts invoice origin_context payment_intent "
    "payment_link payment_method_configuration_details permissions recovered_from "
    "saved_payment_method_options setup_intent shipping_address_collection shipping_cost "
    "subscription wallet_options"
)


def _new_session(call: Call, mode: str, prices: list[Json], customer: Json | None) -> Json:
    params = call.params
    target = f"cs_live_a1{call.world.text(56)}"
    items = params.get("line_items", [])
    total = sum(
        price["unit_amount"] * item.get("quantity", 1)
        for price, item in zip(prices, items, strict=True)
    )
    email = customer["email"] if customer else params.get("customer_email")
    hosted = params.get("ui_mode") in _HOSTED
    return {
        "id": target,
        "object": "checkout.session",
        **_UNKNOWN,
        "amount_subtotal": total if prices else None,
        "amount_total": total if prices else None,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        **({} if hosted else {"client_secret": f"{target}_secret_{call.world.text(40)}"}),
        "created": call.now,
        "currency": prices[0]["currency"] if prices else None,
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None},
        "customer": params.get("customer"),
        "customer_details": {"email": email, "name": None} if email else None,
        "customer_email": params.get("customer_email"),
        "expires_at": params.get("expires_at", call.now + _OPEN_FOR_S),
        "invoice_creation": {"enabled": False} if mode == "payment" else None,
        "livemode": True,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": mode,
        "payment_method_collection": "if_required" if mode == "payment" else "always",
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "phone_number_collection": {"enabled": False},
        "return_url": params.get("return_url"),
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "success_url": params.get("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": params.get("ui_mode") or "hosted_page",
        "url": f"https://checkout.stripe.com/c/pay/{target}" if hosted else None,
    }


def expire(call: Call) -> Json:
    """Answer `POST /v1/checkout/sessions/{id}/expire`."""
    _let_old_ones_expire(call)
    session = call.found("checkout.session")
    if session["status"] != "open":
        raise refused(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session['status']}`."
        )
    session |= {"status": "expired", "url": None}
    return session


def _let_old_ones_expire(call: Call) -> None:
    for session in call.account.objects["checkout.session"].values():
        if session["status"] == "open" and session["expires_at"] <= call.now:
            session |= {"status": "expired", "url": None}


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/checkout/sessions/{id}`."""
    _let_old_ones_expire(call)
    return call.found("checkout.session")


def list_(call: Call) -> Json:
    """Answer `GET /v1/checkout/sessions`."""
    _let_old_ones_expire(call)
    return page_of(
        call, "checkout.session", None, "customer", "payment_intent", "status", "subscription"
    )
