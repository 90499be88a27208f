"""What a customer or a bank does at Stripe, without a request of ours: pays, fails, attaches."""

from __future__ import annotations

from typing import Any, Literal

from .account import AccountState, Call
from .cards import Behaviour, declining
from .failures import Json, StripeFailure
from .resources import subscriptions
from .resources.customers import new_customer
from .resources.invoice_objects import add_payment, mark_paid
from .resources.payment_intents import new_intent
from .resources.payment_methods import usable
from .resources.payments import expected_behaviour, fail, pay, succeed
from .service import Service


def _owner(service: Service, target: str) -> AccountState:
    for state in service.accounts.values():
        if state.by_id(target) is not None:
            return state
    raise KeyError(f"the sandbox has no object {target}")


def _call(service: Service, account: AccountState, params: dict[str, Any]) -> Call:
    """Return a call as if a request had arrived, for what happens without one."""
    return Call(service.world, account, service.faults, "POST", "/_sandbox", params)


def settle_payment(service: Service, target: str, *, succeeded: bool) -> None:
    """Complete or fail a PaymentIntent; see `StripeSandbox.settle_payment`."""
    with service.lock:
        account = _owner(service, target)
        intent = account.find("payment_intent", target)
        if intent["status"] == "requires_action":
            behaviour = Behaviour() if succeeded else declining("generic_decline")
            call = _call(service, account, {})
            _try_to_pay(call, intent, intent["payment_method"], behaviour)
        elif intent["status"] == "processing":
            if succeeded:
                succeed(account, intent)
            else:
                fail(account, intent, declining("generic_decline"))
        else:
            raise ValueError(f"{target} is {intent['status']}: nothing is left to be decided")
        invoice = account.invoice_of.get(target)
        if succeeded and invoice is not None:
            mark_paid(account, account.objects["invoice"][invoice], int(service.world.now()))


def _try_to_pay(call: Call, intent: Json, method: str, behaviour: Behaviour) -> None:
    try:
        pay(call, intent, method, behaviour, customer_present=True, fail_on_action=False)
    except StripeFailure:
        return  # Only the customer sees it, on the page.


def complete_checkout(service: Service, target: str, payment_method: str) -> Json:
    """Let the customer pay a checkout session; see `StripeSandbox.complete_checkout`."""
    with service.lock:
        account = _owner(service, target)
        session = account.find("checkout.session", target)
        now = int(service.world.now())
        if session["status"] != "open" or session["expires_at"] <= now:
            raise ValueError(f"{target} is {session['status']}: it can no longer be paid")
        given = account.checkout_data[target]
        if session["mode"] == "payment":
            _pay_session(_call(service, account, {}), session, given, payment_method)
        elif session["mode"] == "subscription":
            _subscribe(service, account, session, given, payment_method)
        if session["payment_status"] != "unpaid":
            session |= {"status": "complete", "url": None}
        return session


def _pay_session(call: Call, session: Json, given: Json, method: str) -> None:
    usable(call, method, session["customer"])
    data = given.get("payment_intent_data", {})
    intent = call.account.add(
        new_intent(
            call,
            session["amount_total"],
            session["currency"],
            customer=session["customer"],
            metadata=data.get("metadata", {}),
            description=data.get("description"),
        )
    )
    session["payment_intent"] = intent["id"]
    _try_to_pay(call, intent, method, expected_behaviour(call, method))
    if intent["status"] == "succeeded":
        session["payment_status"] = "paid"


def _subscribe(
    service: Service, account: AccountState, session: Json, given: Json, method: str
) -> None:
    if session["customer"] is None:
        target = service.world.id("cus_")
        account.add(new_customer(service.world, target, email=session["customer_email"]))
        session["customer"] = target
    params = {
        **given.get("subscription_data", {}),
        "customer": session["customer"],
        "default_payment_method": method,
        "items": given["line_items"],
        "payment_behavior": "error_if_incomplete",
    }
    try:
        subscription = subscriptions.create(_call(service, account, params))
    except StripeFailure:
        return  # Only the customer sees it, on the page, and may try another card.
    session |= {
        "subscription": subscription["id"],
        "invoice": subscription["latest_invoice"],
        "payment_status": "paid",
    }


def add_paid_intent(
    service: Service, target: str, customer: str | None, amount_minor: int, currency: str
) -> Json:
    """Add a PaymentIntent that was paid before; see `StripeSandbox.add_payment`."""
    with service.lock:
        call = _call(service, service.main, {})
        intent = new_intent(call, amount_minor, currency, customer=customer)
        intent |= {"id": target, "client_secret": f"{target}_secret_{call.world.text(25)}"}
        usable(call, "pm_card_visa", customer)
        _try_to_pay(call, service.main.add(intent), "pm_card_visa", Behaviour())
        return intent


def add_invoice_payment(
    service: Service,
    invoice_id: str,
    kind: Literal["payment_intent", "charge", "payment_record"],
    amount_minor: int,
) -> Json:
    """Add another paid payment to an invoice; see `StripeSandbox.add_invoice_payment`."""
    with service.lock:
        account = _owner(service, invoice_id)
        invoice = account.find("invoice", invoice_id)
        call = _call(service, account, {})
        target = call.world.id("pyr_1")
        if kind != "payment_record":
            intent = account.add(
                new_intent(call, amount_minor, invoice["currency"], customer=invoice["customer"])
            )
            account.invoice_of[intent["id"]] = invoice_id
            _try_to_pay(call, intent, "pm_card_visa", expected_behaviour(call, "pm_card_visa"))
            target = intent["id"] if kind == "payment_intent" else intent["latest_charge"]
        payment = add_payment(call, invoice, {"type": kind, kind: target}, default=False)
        payment |= {"status": "paid", "amount_requested": amount_minor, "amount_paid": amount_minor}
        payment["status_transitions"]["paid_at"] = call.now
        return payment
