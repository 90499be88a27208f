"""Refunds: whole or partial, by PaymentIntent or by charge; never more than was captured."""

from __future__ import annotations

from ..account import AccountState, Call
from ..failures import Json, StripeFailure, refused
from ..listing import TIMED_PAGE, page_of
from ..validation import Params, at_least, boolean, identifier, metadata, one_of, text, texts, words

CREATE = Params(
    {
        "amount": at_least(1),
        "charge": identifier,
        "expand": texts,
        "instructions_email": text,
        "metadata": metadata,
        "payment_intent": identifier,
        "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
        "refund_application_fee": boolean,
        "reverse_transfer": boolean,
    },
    refused=words("currency customer origin"),
)
LIST = Params({**TIMED_PAGE, "charge": identifier, "payment_intent": identifier})

_RETURNS_NOTHING = ("failed", "canceled")


def create(call: Call) -> Json:
    """Answer `POST /v1/refunds`."""
    charge = _charge_of(call)
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left <= 0:
        raise refused(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = call.params.get("amount", left)
    if amount > left:
        raise refused(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}), in "
            f"minor units of {charge['currency']}.",
            param="amount",
        )
    if call.params.get("reverse_transfer") and not charge["transfer_data"]:
        raise refused(
            f"Charge {charge['id']} has no transfer to reverse.", param="reverse_transfer"
        )
    if call.params.get("refund_application_fee") and not charge["application_fee"]:
        raise refused(
            f"Charge {charge['id']} has no application fee.", param="refund_application_fee"
        )
    refund = call.account.add(_new_refund(call, charge, amount))
    if refund["status"] not in _RETURNS_NOTHING:
        _return(call.account, charge, amount)
    return refund


def _charge_of(call: Call) -> Json:
    params, account = call.params, call.account
    if ("payment_intent" in params) == ("charge" in params):
        raise refused(
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
            code="parameter_missing",
        )
    charge = account.named("charge", params, "charge")
    if charge is None:
        intent = account.named("payment_intent", params, "payment_intent") or {}
        latest = intent.get("latest_charge")
        charge = account.objects["charge"].get(latest) if latest else None
    if charge is None or charge["status"] != "succeeded":
        what = params.get("payment_intent") or params["charge"]
        raise refused(f"{what} does not have a successful charge to refund.")
    return charge


def _new_refund(call: Call, charge: Json, amount: int) -> Json:
    fault = call.faults.in_endpoint("refund_status", call.method, call.path)
    status = str(fault.options["status"]) if fault else "succeeded"
    why = fault.options["failure_reason"] if fault else None
    return {
        "id": call.world.id("re_3"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": call.world.id("txn_3"),
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": call.params.get("metadata", {}),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": (
            call.world.id("trr_1") if call.params.get("reverse_transfer") else None
        ),
        **({"failure_reason": why or "unknown"} if status == "failed" else {}),
    }


def _return(account: AccountState, charge: Json, amount: int) -> None:
    """Book money returned to the customer; a negative amount is money that came back."""
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    account.available_minor[charge["currency"]] -= amount


def settle(account: AccountState, target: str, status: str) -> Json:
    """Make a pending refund succeed, fail or be cancelled."""
    refund = account.find("refund", target)
    if refund["status"] not in _RETURNS_NOTHING and status in _RETURNS_NOTHING:
        _return(account, account.objects["charge"][refund["charge"]], -refund["amount"])
    refund["status"] = status
    if status == "failed":
        refund["failure_reason"] = "unknown"
    return refund


def cancel(call: Call) -> Json:
    """Answer `POST /v1/refunds/{id}/cancel`; possible only while it waits for the customer."""
    refund = call.found("refund")
    if refund["status"] != "requires_action":
        raise StripeFailure(400, f"Refund {call.target} cannot be canceled in its current state.")
    return settle(call.account, call.target, "canceled")


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/refunds/{id}`."""
    return call.found("refund")


def list_(call: Call) -> Json:
    """Answer `GET /v1/refunds`."""
    return page_of(call, "refund", None, "charge", "payment_intent")
