"""The parts of an invoice, and how its amounts are computed."""

from __future__ import annotations

from typing import Any

from ..account import AccountState, Call, nulls
from ..failures import Json
from .payment_intents import new_intent

# Fields that are null until they have a value.
_UNKNOWN = nulls(
    "account_tax_ids application automatically_finalizes_at custom_fields customer_account "
    "default_payment_method default_source description due_date effective_at ending_balance "
    "footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error "
    "latest_revision next_payment_attempt number on_behalf_of parent receipt_number rendering "
    "shipping_cost shipping_details statement_descriptor test_clock webhooks_delivered_at"
)


def new_invoice(call: Call, customer: Json, code: str, **given: Any) -> Json:
    """Return an empty draft for a customer, in one currency."""
    target = call.world.id("in_1")
    invoice: Json = {
        "id": target,
        "object": "invoice",
        **_UNKNOWN,
        "account_country": "US",
        "account_name": "Sandbox",
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": call.now,
        "currency": code,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "lines": {
            "object": "list", "data": [], "has_more": False, "url": f"/v1/invoices/{target}/lines",
        },
        "livemode": True,
        "metadata": {},
        "payment_settings": {"payment_method_options": None, "payment_method_types": None},
        "period_end": call.now,
        "period_start": call.now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None, "marked_uncollectible_at": None, "paid_at": None,
            "voided_at": None,
        },
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        **given,
    }  # fmt: skip
    return add_up(call.account, invoice)


def add_up(account: AccountState, invoice: Json) -> Json:
    """Recompute a draft's amounts from its lines and the customer's balance, in minor units.

    A negative balance is a credit and lowers the amount due; a positive one is a debt that this
    invoice collects. Stripe: "Customer credit balance".
    """
    total = sum(line["amount"] for line in invoice["lines"]["data"])
    starting = account.objects["customer"][invoice["customer"]]["balance"]
    due = max(0, total + starting)
    invoice |= {
        "starting_balance": starting,
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "amount_due": due,
        "amount_remaining": due,
    }
    return invoice


def new_line(call: Call, invoice: Json, amount: int, quantity: int, parent: Json) -> Json:
    """Return a line of an invoice; `parent` says what it is for."""
    return {
        "id": call.world.id("il_1"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": parent.pop("description", None),
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": True,
        "metadata": parent.pop("metadata", {}),
        "parent": parent,
        "period": {"start": call.now, "end": call.now},
        "pretax_credit_amounts": [],
        "pricing": parent.pop("pricing", None),
        "quantity": quantity,
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
    }


def put_on(call: Call, invoice: Json, item: Json) -> None:
    """Add an invoice item to a draft."""
    item["invoice"] = invoice["id"]
    parent = {
        "type": "invoice_item_details",
        "invoice_item_details": {"invoice_item": item["id"], "proration": False},
        "subscription_item_details": None,
        "description": item["description"],
        "metadata": item["metadata"],
        "pricing": item["pricing"],
    }
    lines = invoice["lines"]["data"]
    lines.append(new_line(call, invoice, item["amount"], item["quantity"], parent))
    add_up(call.account, invoice)


def take_off(account: AccountState, invoice: Json, item: Json) -> None:
    """Remove an invoice item from a draft."""
    invoice["lines"]["data"] = [
        line
        for line in invoice["lines"]["data"]
        if (line["parent"]["invoice_item_details"] or {}).get("invoice_item") != item["id"]
    ]
    add_up(account, invoice)


def unlisted(account: AccountState, invoice: Json) -> None:
    """Delete the items of a deleted invoice."""
    items = account.objects["invoiceitem"]
    for target in [target for target, item in items.items() if item["invoice"] == invoice["id"]]:
        del items[target]


def finalize_now(call: Call, invoice: Json) -> None:
    """Open a draft for payment: apply the balance, and create a PaymentIntent for the rest."""
    account = call.account
    add_up(account, invoice)
    customer = account.objects["customer"][invoice["customer"]]
    customer["balance"] = min(0, invoice["total"] + invoice["starting_balance"])
    customer["currency"] = customer["currency"] or invoice["currency"]
    secret = call.world.text(24)
    invoice |= {
        "status": "open",
        "number": f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}",
        "effective_at": call.now,
        "ending_balance": customer["balance"],
        "hosted_invoice_url": f"https://invoice.stripe.com/i/{account.id}/live_{secret}?s=ap",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{account.id}/live_{secret}/pdf?s=ap",
    }
    customer["next_invoice_sequence"] += 1
    invoice["status_transitions"]["finalized_at"] = call.now
    if invoice["amount_due"] == 0:
        mark_paid(account, invoice, call.now)
        return
    intent = new_intent(
        call,
        invoice["amount_due"],
        invoice["currency"],
        customer=invoice["customer"],
        description=invoice["description"],
        automatic_payment_methods=None,
    )
    account.add(intent)
    account.invoice_of[intent["id"]] = invoice["id"]
    add_payment(call, invoice, {"type": "payment_intent", "payment_intent": intent["id"]})


def add_payment(call: Call, invoice: Json, payment: Json, *, default: bool = True) -> Json:
    """Add a payment to the invoice. Stripe: "Invoice payments"."""
    return call.account.add(
        {
            "id": call.world.id("inpay_1"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": call.now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": default,
            "livemode": True,
            "payment": payment,
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def payment_intent_of(account: AccountState, invoice: Json) -> Json:
    """Return the PaymentIntent of an open invoice."""
    target = next(
        payment["payment"]["payment_intent"]
        for payment in account.objects["invoice_payment"].values()
        if payment["invoice"] == invoice["id"] and payment["is_default"]
    )
    return account.objects["payment_intent"][target]


def mark_paid(account: AccountState, invoice: Json, now: int) -> None:
    """Mark an invoice as paid; a subscription that waited for it becomes active."""
    due = invoice["amount_due"]
    invoice |= {"status": "paid", "attempted": True, "amount_paid": due, "amount_remaining": 0}
    invoice["status_transitions"]["paid_at"] = now
    for payment in account.objects["invoice_payment"].values():
        if payment["invoice"] == invoice["id"] and payment["status"] == "open":
            payment |= {"status": "paid", "amount_paid": payment["amount_requested"]}
            payment["status_transitions"]["paid_at"] = now
    details = (invoice["parent"] or {}).get("subscription_details")
    if details:
        subscription = account.objects["subscription"].get(details["subscription"], {})
        if subscription.get("status") == "incomplete":
            subscription["status"] = "active"


def balance_back(account: AccountState, invoice: Json) -> None:
    """Return to the customer's balance what a finalized invoice took from it."""
    customer = account.objects["customer"][invoice["customer"]]
    if not customer.get("deleted"):
        customer["balance"] += invoice["starting_balance"] - invoice["ending_balance"]
