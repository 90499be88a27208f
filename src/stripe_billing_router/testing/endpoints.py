"""The table of endpoints: which function answers which request, with which parameters."""

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
    checkout,
    customers,
    invoice_items,
    invoices,
    payment_intents,
    payment_methods,
    refunds,
    subscriptions,
)
from .validation import Params

Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint; `kind` is the object that it returns or lists."""

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
    ("POST", "checkout/sessions", checkout.create, checkout.CREATE, "checkout.session"),
    ("GET", "checkout/sessions", checkout.list_, checkout.LIST, "checkout.session"),
    ("GET", "checkout/sessions/*", checkout.retrieve, _READ, "checkout.session"),
    ("POST", "checkout/sessions/*/expire", checkout.expire, _READ, "checkout.session"),
    ("POST", "invoiceitems", invoice_items.create, invoice_items.CREATE, "invoiceitem"),
    ("GET", "invoiceitems", invoice_items.list_, invoice_items.LIST, "invoiceitem"),
    ("GET", "invoiceitems/*", invoice_items.retrieve, _READ, "invoiceitem"),
    ("DELETE", "invoiceitems/*", invoice_items.delete, invoice_items.DELETE, "invoiceitem"),
    ("GET", "invoice_payments", invoice_items.list_payments, invoice_items.LIST_PAYMENTS,
     "invoice_payment"),
    ("GET", "invoice_payments/*", invoice_items.retrieve_payment, _READ, "invoice_payment"),
    ("POST", "invoices", invoices.create, invoices.CREATE, "invoice"),
    ("GET", "invoices", invoices.list_, invoices.LIST, "invoice"),
    ("GET", "invoices/*", invoices.retrieve, _READ, "invoice"),
    ("DELETE", "invoices/*", invoices.delete, Params(), "invoice"),
    ("POST", "invoices/*/finalize", invoices.finalize, invoices.FINALIZE, "invoice"),
    ("POST", "invoices/*/mark_uncollectible", invoices.mark_uncollectible, _READ, "invoice"),
    ("POST", "invoices/*/pay", invoices.pay_, invoices.PAY, "invoice"),
    ("POST", "invoices/*/void", invoices.void, _READ, "invoice"),
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
    ("POST", "subscriptions", subscriptions.create, subscriptions.CREATE, "subscription"),
    ("GET", "subscriptions", subscriptions.list_, subscriptions.LIST, "subscription"),
    ("GET", "subscriptions/*", subscriptions.retrieve, _READ, "subscription"),
    ("DELETE", "subscriptions/*", subscriptions.cancel, subscriptions.CANCEL, "subscription"),
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
