"""Products and prices: seeded by the test, and read."""

from __future__ import annotations

from ..account import Call
from ..failures import Json
from ..listing import TIMED_PAGE, page_of
from ..validation import Params, boolean, identifier

LIST_PRICES = Params(
    {**TIMED_PAGE, "active": boolean, "product": identifier, "currency": identifier}
)
LIST_PRODUCTS = Params({**TIMED_PAGE, "active": boolean})


def new_product(target: str, created: int) -> Json:
    """Return a product."""
    return {
        "id": target,
        "object": "product",
        "active": True,
        "created": created,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": True,
        "marketing_features": [],
        "metadata": {},
        "name": target,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": created,
        "url": None,
    }


def new_price(
    target: str,
    created: int,
    *,
    product: str,
    unit_amount: int,
    currency: str,
    interval: str | None,
) -> Json:
    """Return a price per unit, in minor units; recurring if it has an interval."""
    recurring = {
        "interval": interval,
        "interval_count": 1,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    return {
        "id": target,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": True,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product,
        "recurring": recurring if interval else None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if interval else "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def retrieve_price(call: Call) -> Json:
    """Answer `GET /v1/prices/{id}`."""
    return call.account.find("price", call.target, param="price")


def list_prices(call: Call) -> Json:
    """Answer `GET /v1/prices`."""
    return page_of(call, "price", None, "active", "product", "currency")


def retrieve_product(call: Call) -> Json:
    """Answer `GET /v1/products/{id}`."""
    return call.found("product")


def list_products(call: Call) -> Json:
    """Answer `GET /v1/products`."""
    return page_of(call, "product", None, "active")
