"""Which extra parameters a helper takes, and what they may contain.

An allow-list per helper: an account, a key, an identity that the route owns, a price that limits
cannot see, or an idempotency key never reaches a request.
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

# Never, at any depth: other accounts, options of the SDK, and inline amounts.
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

# Sessions embedded in the caller's page have no Stripe-hosted page to return from.
_NO_SUCCESS_URL: Final = ("custom", "embedded", "elements", "embedded_page", "form")
_LINE_ITEM: Final = "Pass a list of {price, quantity}; tax_rates is allowed too."
_MOST_BITS: Final = 64
_MOST_DIGITS: Final = 64


def check_params(helper: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a deep copy of a helper's extra parameters, as JSON data.

    Raises `InputError` for a parameter outside the allow-list or a value Stripe cannot read,
    and `RouteKeyOverrideError` for a Stripe key, by name or by value, at any depth.
    """
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise InputError(
            f"The parameters of {helper} must be a mapping, not {type(params).__name__}",
            "Pass a mapping of Stripe's parameter names to values.",
        )
    refuse_stripe_keys(params, helper)
    allowed = ALLOWED[helper]
    for name in params:
        if name not in allowed:
            raise InputError(
                f"{helper} does not take the parameter {str(name)[:80]!r}",
                _instead(str(name), allowed),
            )
    return {
        name: value if name == "metadata" else _json(value, f"{helper} {name}")
        for name, value in params.items()
    }


def _instead(name: str, allowed: frozenset[str]) -> str:
    near = difflib.get_close_matches(name, allowed)
    if near:
        return f"Use {' or '.join(near)}."
    return f"Use one of: {', '.join(sorted(allowed))}."


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
                    f"{path}.{str(name)[:80]} cannot be set by a call",
                    "Remove it: the route chooses accounts, prices and keys.",
                )
        return {name: _json(item, f"{path}.{name}") for name, item in value.items()}
    raise InputError(
        f"{path} holds a {type(value).__name__}, which cannot be sent to Stripe",
        "Use texts, finite numbers, booleans, lists and mappings.",
    )


def _readable(text: str, path: str) -> str:
    """Refuse text that cannot be sent (lone surrogates) or stored in a database (NUL)."""
    if "\0" in text or not is_unicode(text):
        raise InputError(
            f"{path} holds a character that is not valid Unicode text",
            "Remove null characters and lone surrogates.",
        )
    return text


def split_metadata(params: dict[str, Any], base: Mapping[str, str]) -> dict[str, str]:
    """Take `metadata` out of checked parameters and merge it over the route's."""
    return merge_metadata(base, params.pop("metadata", None))


def merge_metadata(base: Mapping[str, str], given: Any) -> dict[str, str]:
    """Return a call's metadata merged over the route's; the limit on pairs counts both."""
    if given is None:
        return dict(base)  # checked when the route was registered
    return check_metadata({**base, **check_metadata(given)})


def check_text(name: str, value: Any, max_length: int) -> str | None:
    """Return a text argument, or raise `InputError` when it is not text or too long for Stripe."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > max_length:
        raise InputError(
            f"{name} is not a text of 1 to {max_length} characters",
            "Shorten it, or leave it out if it is optional.",
        )
    return _readable(value, name)


def check_reason(reason: Any) -> str | None:
    """Return a refund's reason, one of Stripe's three."""
    if reason is None or reason in REFUND_REASONS:
        return None if reason is None else str(reason)
    raise InputError(
        f"{str(reason)[:80]!r} is not a reason that Stripe accepts for a refund",
        f"Use {', '.join(REFUND_REASONS)}, and put other words into metadata.",
    )


def complete_checkout(params: dict[str, Any], price_id: str, customer_id: str) -> dict[str, Any]:
    """Fill a checkout session's defaults from the route and check what the caller gave."""
    params.setdefault("mode", "payment")
    if params["mode"] not in ("payment", "subscription", "setup"):
        raise InputError(
            f"{str(params['mode'])[:80]!r} is not a mode of a checkout session",
            "Use payment, subscription or setup.",
        )
    if not params.get("success_url") and params.get("ui_mode") not in _NO_SUCCESS_URL:
        raise InputError(
            "create_checkout_session was called without success_url",
            "Pass success_url, the page to which Stripe sends the customer. Only the ui_mode "
            "embedded or custom does without it.",
        )
    params["customer"] = customer_id
    if params["mode"] != "setup":
        params.setdefault("line_items", [{"price": price_id, "quantity": 1}])
        params["line_items"] = _line_items(params["line_items"])
    elif "line_items" in params:
        raise InputError(
            "A checkout session in mode setup was given line_items", "Leave line_items out."
        )
    return params


def _line_items(items: Any) -> list[dict[str, Any]]:
    if not isinstance(items, list) or not items:
        raise InputError("line_items is not a list of at least one item", _LINE_ITEM)
    for item in items:
        if not isinstance(item, dict) or set(item) - {"price", "quantity", "tax_rates"}:
            raise InputError("A line item has a field that is not allowed", _LINE_ITEM)
        check_id("price", item.get("price"))
        quantity = item.setdefault("quantity", 1)
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
            raise InputError(
                f"The quantity of a line item is {quantity!r:.80}", "Use a whole number from 1."
            )
    return items
