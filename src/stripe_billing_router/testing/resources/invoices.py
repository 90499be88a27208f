"""Invoices: draft, finalize, pay, void, delete. Stripe: "Invoices", "Integrate with the API"."""

from __future__ import annotations

from ..account import Call
from ..failures import Json, StripeFailure, refused
from ..listing import TIMED_PAGE, page_of
from ..validation import (
    Params,
    boolean,
    currency,
    identifier,
    metadata,
    one_of,
    switched_off,
    text,
    texts,
    words,
)
from .customers import default_method, living
from .invoice_objects import (
    balance_back,
    finalize_now,
    mark_paid,
    new_invoice,
    payment_intent_of,
    put_on,
    unlisted,
)
from .payment_intents import close
from .payment_methods import usable
from .payments import decline_failure, expected_behaviour, pay

CREATE = Params(
    {
        "auto_advance": boolean,
        "automatic_tax": switched_off,
        "collection_method": one_of("charge_automatically", "send_invoice"),
        "currency": currency,
        "customer": identifier,
        "default_payment_method": identifier,
        "description": text,
        "expand": texts,
        "footer": text,
        "metadata": metadata,
        "pending_invoice_items_behavior": one_of("exclude", "include"),
        "statement_descriptor": text,
    },
    required=("customer",),
    ignored=words(
        "account_tax_ids custom_fields days_until_due due_date effective_at number "
        "payment_settings rendering shipping_details"
    ),
    refused=words(
        "application_fee_amount automatically_finalizes_at customer_account default_source "
        "default_tax_rates discounts from_invoice issuer on_behalf_of shipping_cost subscription "
        "transfer_data"
    ),
)
FINALIZE = Params({"auto_advance": boolean, "expand": texts})
PAY = Params(
    {"expand": texts, "off_session": boolean, "payment_method": identifier},
    refused=words("forgive mandate paid_out_of_band source"),
)
LIST = Params(
    {
        **TIMED_PAGE,
        "collection_method": identifier,
        "customer": identifier,
        "status": one_of("draft", "open", "paid", "uncollectible", "void"),
        "subscription": identifier,
    },
    refused=words("customer_account due_date"),
)


def create(call: Call) -> Json:
    """Answer `POST /v1/invoices`: an empty draft, or one with the customer's pending items."""
    params, account = call.params, call.account
    customer = living(call, params["customer"]) or {}
    if "default_payment_method" in params:
        usable(call, params["default_payment_method"], customer["id"], "default_payment_method")
    code = params.get("currency") or customer["currency"] or "usd"
    given = {
        name: params[name]
        for name in (
            "auto_advance",
            "collection_method",
            "default_payment_method",
            "description",
            "footer",
            "metadata",
            "statement_descriptor",
        )
        if name in params
    }
    invoice = account.add(new_invoice(call, customer, code, **given))
    if params.get("pending_invoice_items_behavior") == "include":
        for item in account.objects["invoiceitem"].values():
            if item["invoice"] is None and item["customer"] == customer["id"]:
                put_on(call, invoice, item)
    return invoice


def finalize(call: Call) -> Json:
    """Answer `POST /v1/invoices/{id}/finalize`."""
    invoice = call.found("invoice")
    if invoice["status"] != "draft":
        raise refused(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    finalize_now(call, invoice)
    return invoice


def pay_(call: Call) -> Json:
    """Answer `POST /v1/invoices/{id}/pay`; a draft is finalized first."""
    invoice = call.found("invoice")
    if invoice["status"] == "paid":
        raise refused("Invoice is already paid")
    if invoice["status"] == "void":
        raise refused("This invoice is void, so it can no longer be paid.")
    method = (
        call.params.get("payment_method")
        or invoice["default_payment_method"]
        or default_method(call.account, invoice["customer"])
    )
    if method is not None:
        usable(call, method, invoice["customer"])
    if invoice["status"] == "draft":
        finalize_now(call, invoice)
    if invoice["status"] == "paid":
        return invoice
    if method is None:
        raise refused(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set "
            "either the `default_payment_method` field or the `default_source` field on one of "
            "these objects, or pass a `payment_method`."
        )
    pay_invoice(call, invoice, method)
    return invoice


def pay_invoice(call: Call, invoice: Json, method: str) -> None:
    """Charge a payment method for an open invoice. Raises 402 when that does not pay it."""
    intent = payment_intent_of(call.account, invoice)
    if intent["status"] == "processing":
        raise refused("This invoice has a payment that is still processing.")
    behaviour = expected_behaviour(call, method)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    try:
        pay(call, intent, method, behaviour, customer_present=True, fail_on_action=False)
    except StripeFailure:
        # On the invoice endpoints the error does not contain the PaymentIntent.
        raise decline_failure(intent, behaviour, named=False) from None
    if intent["status"] == "requires_action":
        raise StripeFailure(
            402,
            "This invoice's payment requires additional user action before it can be completed "
            "successfully.",
            type="card_error",
            code="invoice_payment_intent_requires_action",
        )
    if intent["status"] == "succeeded":
        mark_paid(call.account, invoice, call.now)


def void(call: Call) -> Json:
    """Answer `POST /v1/invoices/{id}/void`; return the balance that it used to the customer."""
    invoice = call.found("invoice")
    if invoice["status"] not in ("open", "uncollectible"):
        raise refused(
            "You can only pass in open or uncollectible invoices. This invoice is "
            f"{invoice['status']}."
        )
    intent = payment_intent_of(call.account, invoice)
    if intent["status"] == "processing":
        raise refused("This invoice has a payment that is still processing, so it can't be voided.")
    close(intent, call.now, "void_invoice")
    for payment in call.account.objects["invoice_payment"].values():
        if payment["invoice"] == invoice["id"] and payment["status"] == "open":
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = call.now
    balance_back(call.account, invoice)
    invoice["status"] = "void"
    invoice["status_transitions"]["voided_at"] = call.now
    return invoice


def mark_uncollectible(call: Call) -> Json:
    """Answer `POST /v1/invoices/{id}/mark_uncollectible`."""
    invoice = call.found("invoice")
    if invoice["status"] != "open":
        raise refused(f"You can only pass in open invoices. This invoice is {invoice['status']}.")
    invoice["status"] = "uncollectible"
    invoice["status_transitions"]["marked_uncollectible_at"] = call.now
    return invoice


def delete(call: Call) -> Json:
    """Answer `DELETE /v1/invoices/{id}`: delete a one-off draft and its items."""
    invoice = call.found("invoice")
    if invoice["status"] != "draft":
        raise refused(
            f"You can only delete draft invoices; {call.target} is {invoice['status']}.",
            code="invoice_not_editable",
        )
    unlisted(call.account, invoice)
    del call.account.objects["invoice"][call.target]
    return {"id": call.target, "object": "invoice", "deleted": True}


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/invoices/{id}`; `payments` is included only if it is expanded."""
    return call.found("invoice")


def list_(call: Call) -> Json:
    """Answer `GET /v1/invoices`."""
    wanted = call.params.get("subscription")

    def matches(invoice: Json) -> bool:
        details = (invoice["parent"] or {}).get("subscription_details") or {}
        return wanted is None or details.get("subscription") == wanted

    return page_of(call, "invoice", matches, "customer", "status", "collection_method")
