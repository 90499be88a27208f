"""Invoice items: on a draft invoice, or pending until an invoice includes them."""

from __future__ import annotations

from ..account import Call
from ..failures import Json, missing, refused
from ..listing import TIMED_PAGE, page_of
from ..validation import (
    Params,
    at_least,
    boolean,
    currency,
    identifier,
    integer,
    metadata,
    nested,
    one_of,
    text,
    texts,
    words,
)
from .customers import living
from .invoice_objects import put_on, take_off

CREATE = Params(
    {
        "amount": integer,
        "currency": currency,
        "customer": identifier,
        "description": text,
        "expand": texts,
        "invoice": identifier,
        "metadata": metadata,
        "pricing": nested(Params({"price": identifier}, required=("price",))),
        "quantity": at_least(0),
    },
    required=("customer",),
    ignored=words("discountable period tax_behavior tax_code"),
    refused=words(
        "customer_account discounts price_data quantity_decimal subscription tax_rates "
        "unit_amount_decimal"
    ),
)
DELETE = Params()
LIST = Params(
    {**TIMED_PAGE, "customer": identifier, "invoice": identifier, "pending": boolean},
    refused=words("customer_account"),
)
LIST_PAYMENTS = Params(
    {
        **TIMED_PAGE,
        "invoice": identifier,
        "payment": nested(
            Params(
                {"type": one_of("payment_intent", "payment_record"), "payment_intent": identifier},
                required=("type",),
            )
        ),
        "status": one_of("open", "paid", "canceled"),
    }
)


def create(call: Call) -> Json:
    """Answer `POST /v1/invoiceitems`."""
    params, account = call.params, call.account
    customer = living(call, params["customer"]) or {}
    invoice = account.named("invoice", params, "invoice")
    if invoice is not None and invoice["status"] != "draft":
        raise refused(
            f"Invoice items can only be added to draft invoices; this one is {invoice['status']}.",
            code="invoice_not_editable",
            param="invoice",
        )
    if invoice is not None and invoice["customer"] != customer["id"]:
        raise refused("The invoice belongs to another customer.", param="invoice")
    code, unit_amount = _price(call)
    if invoice is not None and invoice["currency"] != code:
        raise refused(
            f"The invoice is in {invoice['currency']}, but the price is in {code}: an invoice has "
            "one currency.",
            param="currency",
        )
    quantity = params.get("quantity", 1)
    item = account.add(_new_item(call, code, unit_amount, quantity))
    if invoice is not None:
        put_on(call, invoice, item)
    return item


def _price(call: Call) -> tuple[str, int]:
    """Return the currency and the unit amount, in minor units."""
    params = call.params
    if "pricing" not in params:
        if "amount" not in params or "currency" not in params:
            raise refused(
                "One of the following params should be provided for this request: pricing, or "
                "amount and currency.",
                code="parameter_missing",
            )
        return params["currency"], params["amount"]
    price = sellable(call, params["pricing"]["price"], "one_time", "pricing[price]")
    return price["currency"], price["unit_amount"]


def sellable(call: Call, target: str, kind: str, param: str) -> Json:
    """Return an active price of a kind, `one_time` or `recurring`, or refuse."""
    price = call.account.objects["price"].get(target)
    if price is None:
        raise missing("price", target, param=param, status=400)
    if not price["active"]:
        raise refused(f"The price specified is inactive: {target}", param=param)
    if price["type"] != kind:
        raise refused(
            f"The price specified is set to `type={price['type']}` but this field only accepts "
            f"prices with `type={kind}`.",
            param=param,
        )
    return price


def _new_item(call: Call, code: str, unit_amount: int, quantity: int) -> Json:
    params = call.params
    price = params.get("pricing", {}).get("price")
    details = None
    if price is not None:
        product = call.account.objects["price"][price]["product"]
        details = {"price": price, "product": product}
    return {
        "id": call.world.id("ii_1"),
        "object": "invoiceitem",
        "amount": unit_amount * quantity,
        "currency": code,
        "customer": params["customer"],
        "customer_account": None,
        "date": call.now,
        "created": call.now,
        "description": params.get("description"),
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": True,
        "metadata": params.get("metadata", {}),
        "net_amount": unit_amount * quantity,
        "parent": None,
        "period": {"start": call.now, "end": call.now},
        "pricing": {
            "type": "price_details",
            "price_details": details,
            "unit_amount_decimal": str(unit_amount),
        },
        "proration": False,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": None,
    }


def delete(call: Call) -> Json:
    """Answer `DELETE /v1/invoiceitems/{id}`: pending, or on a draft."""
    item = call.found("invoiceitem")
    invoice = call.account.objects["invoice"].get(item["invoice"] or "")
    if invoice is not None and invoice["status"] != "draft":
        raise refused(
            "This invoice item is attached to an invoice that is no longer editable.",
            code="invoice_not_editable",
        )
    if invoice is not None:
        take_off(call.account, invoice, item)
    del call.account.objects["invoiceitem"][call.target]
    return {"id": call.target, "object": "invoiceitem", "deleted": True}


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/invoiceitems/{id}`."""
    return call.found("invoiceitem")


def list_(call: Call) -> Json:
    """Answer `GET /v1/invoiceitems`."""
    pending = call.params.get("pending")
    return page_of(
        call,
        "invoiceitem",
        lambda item: pending is None or (item["invoice"] is None) == pending,
        "customer",
        "invoice",
    )


def retrieve_payment(call: Call) -> Json:
    """Answer `GET /v1/invoice_payments/{id}`."""
    return call.found("invoice_payment")


def list_payments(call: Call) -> Json:
    """Answer `GET /v1/invoice_payments`."""
    wanted = call.params.get("payment", {})
    return page_of(
        call,
        "invoice_payment",
        lambda item: all(item["payment"].get(name) == value for name, value in wanted.items()),
        "invoice",
        "status",
    )
