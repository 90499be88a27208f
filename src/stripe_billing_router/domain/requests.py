"""Which extra parameters a helper takes, and what they may hold.

An allow-list per helper: what carries an account, a key, an identity that the route owns, a price
that limits cannot see, or an idempotency key never gets as far as a request.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from ..core.identifiers import check_id, check_metadata, is_unicode, refuse_stripe_keys
from ..errors import InputError

REFUND_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")

ALLOWED: Final[dict[str, frozenset[str]]] = {
    "create_customer": frozenset(
        [
            "address",
            "business_name",
            "description",
            "email",
            "individual_name",
            "invoice_settings",
            "metadata",
            "name",
            "payment_method",
            "phone",
            "preferred_locales",
            "shipping",
            "tax_exempt",
            "tax_id_data",
        ]
    ),
    "create_subscription": frozenset(
        [
            "automatic_tax",
            "billing_cycle_anchor",
            "cancel_at",
            "cancel_at_period_end",
            "default_payment_method",
            "default_tax_rates",
            "description",
            "discounts",
            "metadata",
            "proration_behavior",
            "trial_end",
            "trial_period_days",
            "trial_settings",
        ]
    ),
    "refund": frozenset(
        ["instructions_email", "metadata", "refund_application_fee", "reverse_transfer"]
    ),
    "create_checkout_session": frozenset(
        [
            "after_expiration",
            "allow_promotion_codes",
            "automatic_tax",
            "billing_address_collection",
            "cancel_url",
            "client_reference_id",
            "consent_collection",
            "custom_fields",
            "custom_text",
            "customer_update",
            "discounts",
            "expires_at",
            "invoice_creation",
            "line_items",
            "locale",
            "metadata",
            "mode",
            "name_collection",
            "payment_method_collection",
            "phone_number_collection",
            "redirect_on_completion",
            "return_url",
            "shipping_address_collection",
            "submit_type",
            "success_url",
            "tax_id_collection",
            "ui_mode",
        ]
    ),
}

# Nowhere, at any depth: other accounts, options of the SDK, and amounts set inline.
_FORBIDDEN: Final = frozenset(
    [
        "account",
        "application_fee",
        "application_fee_amount",
        "application_fee_percent",
        "connected_account",
        "destination",
        "headers",
        "idempotency_key",
        "issuer",
        "liability",
        "max_network_retries",
        "on_behalf_of",
        "price_data",
        "product_data",
        "stripe_account",
        "stripe_context",
        "stripe_version",
        "transfer_data",
        "transfer_group",
        "unit_amount",
        "unit_amount_decimal",
    ]
)

# Sessions shown inside the caller's own page have no page of Stripe's to return from.
_NO_SUCCESS_URL: Final = ("custom", "embedded", "elements", "embedded_page", "form")
_MOST_BITS: Final = 64
_MOST_DIGITS: Final = 64


def check_params(helper: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a deep copy of a helper's extra parameters, as JSON data.

    Raises `InputError` for a parameter outside the allow-list or a value Stripe could not read,
    and `RouteKeyOverrideError` for a Stripe key, by name or by value, at any depth.
    """
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise InputError(f"{helper} takes a mapping of parameters, not {type(params).__name__}")
    refuse_stripe_keys(params, helper)
    allowed = ALLOWED[helper]
    for name in params:
        if name not in allowed:
            raise InputError(_not_taken(helper, name, allowed))
    return {
        name: value if name == "metadata" else _json(value, f"{helper} {name}")
        for name, value in params.items()
    }


def _not_taken(helper: str, name: object, allowed: frozenset[str]) -> str:
    near = difflib.get_close_matches(str(name), allowed)
    hint = (
        f"did you mean {' or '.join(near)}?" if near else f"it takes: {', '.join(sorted(allowed))}"
    )
    return f"{helper} does not take the parameter {str(name)[:80]!r}; {hint}"


def _json(value: Any, path: str) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return _readable(value, path)
    if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _MOST_DIGITS:
        return format(value, "f")
    if isinstance(value, list | tuple):
        return [_json(item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str) or name in _FORBIDDEN:
                raise InputError(
                    f"{path}.{str(name)[:80]} cannot be set: accounts, prices and keys are the "
                    "router's to choose"
                )
        return {name: _json(item, f"{path}.{name}") for name, item in value.items()}
    raise InputError(f"{path} holds a {type(value).__name__} that Stripe cannot read")


def _readable(text: str, path: str) -> str:
    """Refuse what cannot be sent (lone surrogates) or kept in a database (NUL)."""
    if "\0" in text or not is_unicode(text):
        raise InputError(f"{path} holds a character that is no Unicode text")
    return text


def split_metadata(params: dict[str, Any], base: Mapping[str, str]) -> dict[str, str]:
    """Take `metadata` out of checked parameters and merge it over the route's."""
    return merge_metadata(base, params.pop("metadata", None))


def merge_metadata(base: Mapping[str, str], given: Any) -> dict[str, str]:
    """Return a call's metadata merged over the route's; the bound on pairs holds for both."""
    if given is None:
        return dict(base)  # looked through where the route was registered
    return check_metadata({**base, **check_metadata(given)})


def check_text(name: str, value: Any, max_length: int) -> str | None:
    """Return a text argument, or raise `InputError` when it is no text or too long for Stripe."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > max_length:
        raise InputError(f"{name} must be 1 to {max_length} characters of text")
    return _readable(value, name)


def check_reason(reason: Any) -> str | None:
    """Return a refund's reason, one of Stripe's three."""
    if reason is None or reason in REFUND_REASONS:
        return None if reason is None else str(reason)
    raise InputError(
        f"a refund's reason is one of {', '.join(REFUND_REASONS)}, not {str(reason)[:80]!r}; "
        "put other words into metadata"
    )


def complete_checkout(params: dict[str, Any], price_id: str, customer_id: str) -> dict[str, Any]:
    """Fill a checkout session's defaults from the route and check what the caller gave."""
    params.setdefault("mode", "payment")
    if params["mode"] not in ("payment", "subscription", "setup"):
        raise InputError(
            f"mode is payment, subscription or setup, not {str(params['mode'])[:80]!r}"
        )
    if not params.get("success_url") and params.get("ui_mode") not in _NO_SUCCESS_URL:
        raise InputError(
            "create_checkout_session needs success_url, the page Stripe sends the customer to; "
            "only the ui_mode embedded or custom goes without"
        )
    params["customer"] = customer_id
    if params["mode"] != "setup":
        params.setdefault("line_items", [{"price": price_id, "quantity": 1}])
        params["line_items"] = _line_items(params["line_items"])
    elif "line_items" in params:
        raise InputError("a checkout session in mode setup takes no line_items")
    return params


def _line_items(items: Any) -> list[dict[str, Any]]:
    if not isinstance(items, list) or not items:
        raise InputError("line_items must be a list of at least one {price, quantity}")
    for item in items:
        if not isinstance(item, dict) or set(item) - {"price", "quantity", "tax_rates"}:
            raise InputError("a line item takes price, quantity and tax_rates, and nothing else")
        check_id("price", item.get("price"))
        quantity = item.setdefault("quantity", 1)
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
            raise InputError(f"a line item's quantity is a whole number from 1, not {quantity!r}")
    return items
