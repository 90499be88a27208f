"""Routes as a bot's call resolves them, for tests that plan what to do with one."""

from collections.abc import Mapping
from typing import Any

from stripe_billing_router.routing.table import Resolution, RoutingTable

BOT = "finance:bot"
LEAST: dict[str, Any] = {
    "product_id": "prod_1",
    "price_id": "price_route",
    "customer_id": "cus_route",
}
FULL: dict[str, Any] = {
    **LEAST,
    "currency": "eur",
    "subscription_price_id": "price_route_monthly",
    "description": "by the route",
    "payment_method_id": "pm_route",
    "user_email": "route@example.com",
    "metadata": {"team": "a", "source": "route"},
}


def resolved(
    route: Mapping[str, Any], overrides: Mapping[str, str] | None = None, *, region: str = "default"
) -> Resolution:
    """Return what `finance:bot` resolves to where this is its route, or its route in a region.

    The override `plan=gold` changes its price.
    """
    table = RoutingTable()
    table.register("finance", "bot", route, region=region)
    gold = {"price_id": "price_gold"}
    table.register_override(
        {"business_category": "finance", "bot_name": "bot", "key": "plan", "value": "gold",
         "route": gold}
    )  # fmt: skip
    where = {} if region == "default" else {"region": region}
    return table.resolve(BOT, {**where, **(overrides or {})})


# All arguments of a charge, none of them given.
NO_ARGUMENTS: dict[str, Any] = dict.fromkeys(
    ["amount", "description", "price_id", "currency", "customer_id", "payment_method", "metadata",
     "overrides"]
)  # fmt: skip
