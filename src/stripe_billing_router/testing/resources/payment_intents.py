"""PaymentIntents: create, confirm, cancel, read. Stripe: "The Payment Intents API"."""

from __future__ import annotations

from typing import Any

from ..account import Call, nulls
from ..failures import Json, StripeFailure, refused
from ..listing import TIMED_PAGE, page_of
from ..validation import (
    Check,
    Params,
    amount,
    anything,
    boolean,
    currency,
    identifier,
    metadata,
    nested,
    one_of,
    text,
    texts,
    words,
)
from .customers import living
from .payment_methods import usable
from .payments import expected_behaviour, pay

_TRANSFER = Params({"destination": identifier, "amount": amount}, required=("destination",))
_CONFIRMATION: dict[str, Check] = {
    "error_on_requires_action": boolean,
    "expand": texts,
    "off_session": boolean,
    "payment_method": identifier,
    "return_url": text,
}
_HARMLESS = words(
    "allowed_payment_method_types amount_details excluded_payment_method_types hooks mandate "
    "mandate_data payment_details payment_method_options radar_options receipt_email "
    "setup_future_usage shipping use_stripe_sdk"
)
CREATE = Params(
    {
        **_CONFIRMATION,
        "amount": amount,
        "application_fee_amount": amount,
        "automatic_payment_methods": nested(
            Params(
                {"enabled": boolean, "allow_redirects": one_of("always", "never")},
                required=("enabled",),
            )
        ),
        "confirm": boolean,
        "currency": currency,
        "customer": identifier,
        "description": text,
        "metadata": metadata,
        "on_behalf_of": identifier,
        "payment_method_types": anything,
        "receipt_email": text,
        "statement_descriptor": text,
        "statement_descriptor_suffix": text,
        "transfer_data": nested(_TRANSFER),
        "transfer_group": text,
    },
    required=("amount", "currency"),
    ignored=_HARMLESS - {"receipt_email"},
    refused=words(
        "capture_method confirmation_method confirmation_token customer_account "
        "payment_method_configuration payment_method_data"
    ),
)
UPDATE = Params(
    {"description": text, "expand": texts, "metadata": metadata},
    ignored=words("receipt_email shipping statement_descriptor statement_descriptor_suffix"),
    refused=words(
        "allowed_payment_method_types amount amount_details application_fee_amount capture_method "
        "currency customer customer_account excluded_payment_method_types hooks payment_details "
        "payment_method payment_method_configuration payment_method_data payment_method_options "
        "setup_future_usage transfer_data transfer_group"
    ),
)
CONFIRM = Params(
    {**_CONFIRMATION, "payment_method_types": anything},
    ignored=_HARMLESS,
    refused=words("amount_to_confirm capture_method confirmation_token payment_method_data"),
)
CANCEL = Params(
    {
        "cancellation_reason": one_of(
            "abandoned", "duplicate", "fraudulent", "requested_by_customer"
        ),
        "expand": texts,
    }
)
LIST = Params({**TIMED_PAGE, "customer": identifier}, refused=words("customer_account"))

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
# From this version on the parameter is refused. Stripe: changelog, 2026-09-30 "endive".
_NO_METHOD_TYPES = "2026-09-30"


# Fields that are null until they have a value.
_UNKNOWN = nulls(
    "allowed_payment_method_types application application_fee_amount canceled_at "
    "cancellation_reason customer customer_account description excluded_payment_method_types "
    "last_payment_error latest_charge next_action on_behalf_of payment_method "
    "payment_method_configuration_details processing receipt_email review setup_future_usage "
    "shipping statement_descriptor statement_descriptor_suffix transfer_data transfer_group"
)


def new_intent(call: Call, amount_minor: int, code: str, **given: Any) -> Json:
    """Return an unconfirmed PaymentIntent."""
    target = call.world.id("pi_3")
    return {
        "id": target,
        "object": "payment_intent",
        **_UNKNOWN,
        "amount": amount_minor,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "capture_method": "automatic_async",
        "client_secret": f"{target}_secret_{call.world.text(25)}",
        "confirmation_method": "automatic",
        "created": call.now,
        "currency": code,
        "livemode": True,
        "metadata": {},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        **given,
    }


def create(call: Call) -> Json:
    """Answer `POST /v1/payment_intents`."""
    params = call.params
    _refuse_method_types(call)
    if not params.get("confirm"):
        for name in ("off_session", "error_on_requires_action", "return_url"):
            if params.get(name):
                raise refused(f"You may only set `{name}` when `confirm` is true.", param=name)
    living(call, params.get("customer"))
    method = params.get("payment_method")
    if method is not None:
        usable(call, method, params.get("customer"))
    elif params.get("confirm"):
        raise _no_method()
    given = {
        name: params[name]
        for name in (
            "application_fee_amount", "automatic_payment_methods", "customer", "description",
            "metadata", "on_behalf_of", "payment_method", "receipt_email",
            "statement_descriptor", "statement_descriptor_suffix", "transfer_data",
            "transfer_group",
        )
        if name in params
    }  # fmt: skip
    intent = new_intent(call, params["amount"], params["currency"], **given)
    if params.get("confirm"):
        _require_return_url(intent, params)
    call.account.add(intent)
    if method is not None:
        intent["status"] = "requires_confirmation"
        if params.get("confirm"):
            _confirm(call, intent, method)
    return intent


def confirm(call: Call) -> Json:
    """Answer `POST /v1/payment_intents/{id}/confirm`."""
    intent = call.found("payment_intent")
    _refuse_method_types(call)
    if intent["status"] not in _CONFIRMABLE:
        raise unexpected_state(intent, "confirm", _CONFIRMABLE)
    method = call.params.get("payment_method") or intent["payment_method"]
    if method is None:
        raise _no_method(intent)
    usable(call, method, intent["customer"])
    _require_return_url(intent, call.params)
    _confirm(call, intent, method)
    return intent


def _confirm(call: Call, intent: Json, method: str) -> None:
    pay(
        call,
        intent,
        method,
        expected_behaviour(call, method),
        customer_present=not call.params.get("off_session", False),
        fail_on_action=call.params.get("error_on_requires_action", False),
    )


def cancel(call: Call) -> Json:
    """Answer `POST /v1/payment_intents/{id}/cancel`."""
    intent = call.found("payment_intent")
    if intent["id"] in call.account.invoice_of:
        raise refused(
            "You cannot cancel this PaymentIntent because it belongs to an invoice: void the "
            "invoice instead."
        )
    if intent["status"] not in _CONFIRMABLE:
        raise unexpected_state(intent, "cancel", _CONFIRMABLE)
    close(intent, call.now, call.params.get("cancellation_reason"))
    return intent


def close(intent: Json, now: int, reason: str | None) -> None:
    """Cancel a PaymentIntent."""
    intent |= {
        "status": "canceled",
        "canceled_at": now,
        "cancellation_reason": reason,
        "next_action": None,
    }


def update(call: Call) -> Json:
    """Answer `POST /v1/payment_intents/{id}`; metadata is merged, an empty value removes a key."""
    intent = call.found("payment_intent")
    if "description" in call.params:
        intent["description"] = call.params["description"]
    merged = {**intent["metadata"], **call.params.get("metadata", {})}
    intent["metadata"] = {name: value for name, value in merged.items() if value}
    return intent


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/payment_intents/{id}`."""
    return call.account.find("payment_intent", call.target, param="intent")


def list_(call: Call) -> Json:
    """Answer `GET /v1/payment_intents`."""
    return page_of(call, "payment_intent", None, "customer")


def unexpected_state(intent: Json, action: str, allowed: tuple[str, ...]) -> StripeFailure:
    """Return the refusal of an action that the PaymentIntent's status forbids."""
    return StripeFailure(
        400,
        f"You cannot {action} this PaymentIntent because it has a status of {intent['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be {action}ed: "
        f"{', '.join(allowed)}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )


def _no_method(intent: Json | None = None) -> StripeFailure:
    return StripeFailure(
        400,
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
        "either update the PaymentIntent with a payment method and then confirm it again, or "
        "confirm it again directly with a payment method.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )


def _require_return_url(intent: Json, params: Json) -> None:
    redirects = (intent["automatic_payment_methods"] or {}).get("allow_redirects", "always")
    if redirects == "always" and not params.get("return_url") and not params.get("off_session"):
        raise refused(
            "This PaymentIntent is configured to accept payment methods that might redirect your "
            "customer off of your page, so you must provide a `return_url`. If you don't want to "
            "accept redirect-based payment methods, set "
            "`automatic_payment_methods[allow_redirects]` to `never`."
        )


def _refuse_method_types(call: Call) -> None:
    if "payment_method_types" in call.params and call.api_version[:10] >= _NO_METHOD_TYPES:
        raise StripeFailure(
            400,
            "`payment_method_types` can no longer be set. Use `allowed_payment_method_types`, "
            "`excluded_payment_method_types` or `automatic_payment_methods` instead.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
            saved=False,
        )
