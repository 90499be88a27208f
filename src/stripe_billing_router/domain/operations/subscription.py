"""Subscriptions, checkout sessions, customers, and the balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.calls import CallFailedError, Reply, StripeCall
from ...core.operation import Instruction, State
from ..flows import Flow, Outcome, Tags, UncleanError, compact, expanded, with_tags


def create_subscription(instruction: Instruction, tags: Tags) -> Flow:
    """Create a subscription and take its first invoice, or leave nothing.

    Stripe: `payment_behavior=error_if_incomplete` answers 402 and creates no subscription when
    the first invoice cannot be paid. Renewals are Stripe's.
    """
    reply = yield StripeCall(
        "create",
        "subscriptions.create",
        compact(
            customer=instruction.customer_id,
            items=[{"price": instruction.price_id}],
            payment_behavior="error_if_incomplete",
            off_session=True,
            default_payment_method=instruction.payment_method_id,
            description=instruction.description,
            expand=["latest_invoice"],
            **instruction.params,
            metadata=with_tags(instruction, tags),
        ),
    )
    invoice = reply.body.get("latest_invoice")
    if isinstance(invoice, str):
        try:
            invoice = (yield StripeCall("invoice", "invoices.retrieve", target=invoice)).body
        except CallFailedError as failed:
            failure = failed.failure
            raise UncleanError(failure) from None  # it exists; what it took is not known yet
    return subscription_settlement(reply, expanded(invoice), instruction.user_email)


def subscription_settlement(reply: Reply, first: Mapping[str, Any], email: str | None) -> Outcome:
    """Judge a subscription by its status and its first invoice."""
    body = reply.body
    status = body.get("status")
    live = status in ("active", "trialing")
    dead = status in ("canceled", "incomplete_expired")
    state = State.SUCCEEDED if live else State.FAILED if dead else State.OPEN
    return Outcome(
        state=state,
        reply=reply,
        action_type="subscription_open" if state is State.OPEN else "subscription",
        paid=live and first.get("status", "paid") == "paid",
        amount_minor=first.get("amount_paid", 0),
        currency=body.get("currency") or first.get("currency"),
        user_email=email or first.get("customer_email"),
    )


def create_checkout_session(instruction: Instruction, tags: Tags) -> Flow:
    """Create a Checkout session; what is paid through it is tagged like the session itself."""
    marked = with_tags(instruction, tags)
    mode = instruction.params.get("mode", "payment")
    carrier = {"payment": "payment_intent_data", "subscription": "subscription_data"}.get(mode)
    reply = yield StripeCall(
        "create",
        "checkout.sessions.create",
        compact(
            **instruction.params,
            **({carrier: {"metadata": marked}} if carrier else {}),
            metadata=marked,
        ),
    )
    return checkout_settlement(reply, instruction.user_email)


def checkout_settlement(reply: Reply, email: str | None) -> Outcome:
    """Judge a session: it is made, whether or not anybody has paid through it yet."""
    body = reply.body
    return Outcome(
        state=State.SUCCEEDED,
        reply=reply,
        action_type="checkout_session",
        paid=body.get("payment_status") == "paid",
        amount_minor=body.get("amount_total"),
        currency=body.get("currency"),
        user_email=email or body.get("customer_email"),
    )


def create_customer(instruction: Instruction, tags: Tags) -> Flow:
    """Create a customer. No money moves."""
    reply = yield StripeCall(
        "create",
        "customers.create",
        compact(**instruction.params, metadata=with_tags(instruction, tags)),
    )
    return customer_settlement(reply)


def customer_settlement(reply: Reply) -> Outcome:
    """Judge a customer: it is made."""
    return Outcome(
        state=State.SUCCEEDED,
        reply=reply,
        action_type="customer",
        paid=False,
        user_email=reply.body.get("email"),
    )


def read_balance(instruction: Instruction, tags: Tags) -> Flow:
    """Read the available balance in the plan's currency; Stripe lists only what there is."""
    reply = yield StripeCall("balance", "balance.retrieve")
    available = [
        item["amount"]
        for item in reply.body.get("available", [])
        if item.get("currency") == instruction.currency
    ]
    return Outcome(
        state=State.SUCCEEDED,
        reply=reply,
        action_type="balance",
        paid=False,
        amount_minor=sum(available),
        currency=instruction.currency,
        user_email=instruction.user_email,
    )
