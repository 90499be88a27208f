"""Customers: create, read, delete. A deleted one leaves a stub behind."""

from __future__ import annotations

from typing import Any

from ..account import AccountState, Call
from ..failures import Json, missing, not_modelled
from ..listing import TIMED_PAGE, page_of
from ..validation import Params, anything, identifier, integer, metadata, nested, text, texts, words
from ..world import World
from .payment_methods import attached, usable

CREATE = Params(
    {
        "address": anything,
        "balance": integer,
        "business_name": text,
        "description": text,
        "email": text,
        "expand": texts,
        "individual_name": text,
        "invoice_settings": nested(
            Params(
                {"default_payment_method": identifier},
                ignored=words("custom_fields footer rendering_options"),
            )
        ),
        "metadata": metadata,
        "name": text,
        "payment_method": identifier,
        "phone": text,
        "preferred_locales": texts,
        "shipping": anything,
        "tax_exempt": text,
    },
    ignored=words("invoice_prefix next_invoice_sequence tax tax_id_data validate"),
    refused=words("cash_balance source test_clock"),
)
LIST = Params({**TIMED_PAGE, "email": identifier}, refused=words("test_clock"))
DELETE = Params()

_OWN = (
    "address", "balance", "business_name", "description", "email", "individual_name", "metadata",
    "name", "phone", "preferred_locales", "shipping", "tax_exempt",
)  # fmt: skip


def new_customer(world: World, target: str, **given: Any) -> Json:
    """Return a customer.

    Args:
        given: fields that differ from those of an empty customer.
    """
    return {
        "id": target,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": int(world.now()),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": world.text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": True,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **given,
    }


def create(call: Call) -> Json:
    """Answer `POST /v1/customers`."""
    params = call.params
    default = params.get("invoice_settings", {}).get("default_payment_method")
    method = params.get("payment_method")
    if method is not None:
        usable(call, method, None)
    if default is not None and default != method:
        raise not_modelled("invoice_settings[default_payment_method] without payment_method")
    given = {name: params[name] for name in _OWN if name in params}
    customer = call.account.add(new_customer(call.world, call.world.id("cus_")[:18], **given))
    if method is not None:
        own = attached(call.world, call.account, method, customer["id"])
        if default is not None:
            customer["invoice_settings"]["default_payment_method"] = own
    return customer


def living(call: Call, target: str | None) -> Json | None:
    """Return the customer named by a parameter; a deleted one does not exist."""
    if target is None:
        return None
    customer = call.account.find("customer", target, param="customer", status=400)
    if customer.get("deleted"):
        raise missing("customer", target, param="customer", status=400)
    return customer


def default_method(account: AccountState, customer: str | None) -> str | None:
    """Return the payment method that pays this customer's invoices."""
    found = account.objects["customer"].get(customer or "", {})
    method = found.get("invoice_settings", {}).get("default_payment_method")
    return str(method) if method is not None else None


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/customers/{id}`; a deleted customer is a stub that says so."""
    return call.found("customer")


def delete(call: Call) -> Json:
    """Answer `DELETE /v1/customers/{id}`; the second time it is missing."""
    customer = call.found("customer")
    if customer.get("deleted"):
        raise missing("customer", call.target)
    for subscription in call.account.objects["subscription"].values():
        if subscription["customer"] == call.target and subscription["status"] != "canceled":
            subscription |= {"status": "canceled", "canceled_at": call.now, "ended_at": call.now}
    stub = {"id": call.target, "object": "customer", "deleted": True}
    call.account.objects["customer"][call.target] = stub
    return stub


def list_(call: Call) -> Json:
    """Answer `GET /v1/customers`."""
    return page_of(call, "customer", None, "email")
