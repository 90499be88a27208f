"""The payment itself: a payment method is charged for a PaymentIntent, with its result."""

from __future__ import annotations

from typing import Any

from ..account import AccountState, Call
from ..cards import Behaviour, declining
from ..failures import Json, StripeFailure
from .charges import new_charge
from .payment_methods import behaviour_of


def expected_behaviour(call: Call, method: str) -> Behaviour:
    """Return how the payment method behaves now; this uses up a scripted decline."""
    fault = call.faults.in_endpoint("decline", call.method, call.path)
    if fault is not None:
        return declining(str(fault.options["code"]))
    return behaviour_of(call.account, method)


def pay(
    call: Call,
    intent: Json,
    method: str,
    behaviour: Behaviour,
    *,
    customer_present: bool,
    fail_on_action: bool,
) -> None:
    """Charge the payment method, and advance the PaymentIntent. Raises 402 when it is declined.

    Args:
        customer_present: whether the customer can authenticate.
        fail_on_action: `error_on_requires_action`.
    """
    intent |= {"payment_method": method, "last_payment_error": None, "next_action": None}
    if behaviour.outcome == "needs_authentication" and customer_present and not fail_on_action:
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect"},
        }
        return
    charge = call.account.add(new_charge(call, intent, method))
    intent["latest_charge"] = charge["id"]
    if behaviour.outcome == "succeeds":
        succeed(call.account, intent)
    elif behaviour.outcome == "processes":
        charge["status"] = "pending"
        intent["status"] = "processing"
        intent["processing"] = {"type": "card", "card": {}}
    else:
        _decline(call.account, intent, charge, behaviour)
        raise decline_failure(intent, behaviour)


def succeed(account: AccountState, intent: Json) -> None:
    """Capture the PaymentIntent's latest charge, and add the money to the balance."""
    charge = account.objects["charge"][intent["latest_charge"]]
    charge |= {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": charge["amount"],
    }
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "processing": None,
        "next_action": None,
    }
    account.available_minor[intent["currency"]] += intent["amount"]


def fail(account: AccountState, intent: Json, behaviour: Behaviour) -> None:
    """Fail the PaymentIntent's latest charge after the fact, as a bank debit does."""
    _decline(account, intent, account.objects["charge"][intent["latest_charge"]], behaviour)


def _decline(account: AccountState, intent: Json, charge: Json, behaviour: Behaviour) -> None:
    charge |= {
        "status": "failed",
        "paid": False,
        "failure_code": behaviour.code,
        "failure_message": behaviour.message,
    }
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "processing": None,
        "next_action": None,
        "last_payment_error": _error(account, charge, behaviour),
    }


def _error(account: AccountState, charge: Json, behaviour: Behaviour) -> dict[str, Any]:
    return {
        "type": "card_error",
        "code": behaviour.code,
        "decline_code": behaviour.decline_code,
        "message": behaviour.message,
        "charge": charge["id"],
        "payment_method": account.by_id(charge["payment_method"]),
    }


def decline_failure(intent: Json, behaviour: Behaviour, *, named: bool = True) -> StripeFailure:
    """Return the 402 for a declined payment.

    Args:
        named: whether the error contains the PaymentIntent, as on its own endpoints.
    """
    return StripeFailure(
        402,
        behaviour.message,
        type="card_error",
        code=behaviour.code,
        decline_code=behaviour.decline_code,
        charge=intent["latest_charge"],
        payment_method=(intent["last_payment_error"] or {}).get("payment_method"),
        payment_intent=intent if named else None,
    )
