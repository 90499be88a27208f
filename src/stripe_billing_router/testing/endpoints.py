"""The table of endpoints: which request is answered by which function, with which parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from .account import Call
from .failures import Json, StripeFailure
from .listing import SEARCH, search
from .resources import (
    accounts,
    catalog,
    charges,
    customers,
    payment_intents,
    payment_methods,
    refunds,
)
from .validation import Params

Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint; `kind` is the object that it answers with, or lists."""

    handler: Handler
    params: Params
    kind: str
    listed: bool = False


_READ = accounts.READ
_TABLE: list[tuple[str, str, Handler, Params, str]] = [
    ("GET", "account", accounts.retrieve_current, _READ, "account"),
    ("GET", "balance", accounts.balance, _READ, "balance"),
    ("GET", "charges", charges.list_, charges.LIST, "charge"),
    ("GET", "charges/*", charges.retrieve, _READ, "charge"),
    ("POST", "customers", customers.create, customers.CREATE, "customer"),
    ("GET", "customers", customers.list_, customers.LIST, "customer"),
    ("GET", "customers/*", customers.retrieve, _READ, "customer"),
    ("DELETE", "customers/*", customers.delete, customers.DELETE, "customer"),
    ("POST", "payment_intents", payment_intents.create, payment_intents.CREATE, "payment_intent"),
    ("GET", "payment_intents", payment_intents.list_, payment_intents.LIST, "payment_intent"),
    ("GET", "payment_intents/*", payment_intents.retrieve, _READ, "payment_intent"),
    ("POST", "payment_intents/*", payment_intents.update, payment_intents.UPDATE, "payment_intent"),
    ("POST", "payment_intents/*/cancel", payment_intents.cancel, payment_intents.CANCEL,
     "payment_intent"),
    ("POST", "payment_intents/*/confirm", payment_intents.confirm, payment_intents.CONFIRM,
     "payment_intent"),
    ("GET", "payment_methods", payment_methods.list_, payment_methods.LIST, "payment_method"),
    ("GET", "payment_methods/*", payment_methods.retrieve, _READ, "payment_method"),
    ("POST", "payment_methods/*/attach", payment_methods.attach, payment_methods.ATTACH,
     "payment_method"),
    ("GET", "prices", catalog.list_prices, catalog.LIST_PRICES, "price"),
    ("GET", "prices/*", catalog.retrieve_price, _READ, "price"),
    ("GET", "products", catalog.list_products, catalog.LIST_PRODUCTS, "product"),
    ("GET", "products/*", catalog.retrieve_product, _READ, "product"),
    ("POST", "refunds", refunds.create, refunds.CREATE, "refund"),
    ("GET", "refunds", refunds.list_, refunds.LIST, "refund"),
    ("GET", "refunds/*", refunds.retrieve, _READ, "refund"),
    ("POST", "refunds/*/cancel", refunds.cancel, _READ, "refund"),
]  # fmt: skip

# Stripe searches these. Stripe: "Search", supported resources.
_SEARCHED = {
    "charges": "charge",
    "customers": "customer",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "prices": "price",
    "products": "product",
    "subscriptions": "subscription",
}


def _endpoints() -> dict[tuple[str, str], Endpoint]:
    found = {
        (method, path): Endpoint(
            handler, params, kind, listed=method == "GET" and "limit" in params.checks
        )
        for method, path, handler, params, kind in _TABLE
    }
    for collection, kind in _SEARCHED.items():
        found["GET", f"{collection}/search"] = Endpoint(
            partial(search, kind=kind), SEARCH, kind, listed=True
        )
    return found


ENDPOINTS = _endpoints()


def find_endpoint(method: str, path: str) -> tuple[Endpoint, str]:
    """Return the endpoint of a request and the id in its path, or raise 404.

    Args:
        path: without the query, such as `/v1/payment_intents/pi_x/cancel`.
    """
    if path.startswith("/v1/"):
        rest = path[4:]
        found = ENDPOINTS.get((method, rest))
        if found is not None:
            return found, ""
        parts = rest.split("/")
        # The id follows the collection, whose own name is one or two words long.
        for place in (1, 2):
            if place < len(parts) and parts[place]:
                shape = "/".join([*parts[:place], "*", *parts[place + 1 :]])
                found = ENDPOINTS.get((method, shape))
                if found is not None:
                    return found, unquote(parts[place])
    raise StripeFailure(
        404,
        f"Unrecognized request URL ({method}: {path}). Stripe may have it; this sandbox does not.",
        saved=False,
    )
