"""Charges: a PaymentIntent creates one each time a payment method is charged."""

from __future__ import annotations

from ..account import Call, nulls
from ..failures import Json
from ..listing import TIMED_PAGE, page_of
from ..validation import Params, identifier, words

LIST = Params(
    {**TIMED_PAGE, "customer": identifier, "payment_intent": identifier},
    refused=words("transfer_group"),
)


# Fields that are null until they have a value.
_UNKNOWN = nulls(
    "application failure_balance_transaction failure_code failure_message receipt_email "
    "receipt_number receipt_url review shipping source_transfer statement_descriptor "
    "statement_descriptor_suffix transfer_group"
)


def new_charge(call: Call, intent: Json, method: str) -> Json:
    """Return a charge of the whole PaymentIntent; it is neither paid nor captured yet."""
    transfer_data, fee = intent["transfer_data"], intent["application_fee_amount"]
    return {
        "id": call.world.id("ch_3"),
        "object": "charge",
        **_UNKNOWN,
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application_fee": call.world.id("fee_1") if fee else None,
        "application_fee_amount": fee,
        "balance_transaction": call.world.id("txn_3"),
        "billing_details": {
            "address": None, "email": None, "name": None, "phone": None, "tax_id": None,
        },
        "calculated_statement_descriptor": "SANDBOX",
        "captured": False,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": True,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": intent["on_behalf_of"],
        "outcome": {"type": "authorized", "network_status": "approved_by_network"},
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method,
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
        "refunded": False,
        "status": "pending",
        "transfer_data": transfer_data,
        **({"transfer": call.world.id("tr_3")} if transfer_data else {}),
    }  # fmt: skip


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/charges/{id}`."""
    return call.found("charge")


def list_(call: Call) -> Json:
    """Answer `GET /v1/charges`."""
    return page_of(call, "charge", None, "customer", "payment_intent")
