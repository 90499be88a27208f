"""Every call that the router makes, with the parameters that it sends, and what it needs first."""

import json
from collections.abc import Callable
from typing import Any

import stripe

TAGS = {"sbr_operation": "op_1", "sbr_step": "create"}


class Stripe:
    """Stripe through the real SDK: makes what a call needs, and returns plain JSON."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client = client
        self.v1 = client.v1

    def send(self, name: str) -> dict[str, Any]:
        """Make the call of that name; return its answer as it came over the wire."""
        answer = CALLS[name](self)
        body: dict[str, Any] = json.loads(answer.last_response.body)
        return body

    def intent(self, **more: Any) -> Any:
        return self.v1.payment_intents.create(
            params(
                amount=1000,
                currency="usd",
                customer="cus_x",
                description="tea",
                metadata=TAGS,
                automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
                **more,
            ),
            {"idempotency_key": f"key-{id(more)}"},
        )

    def paid(self) -> Any:
        return self.intent(
            payment_method="pm_card_visa",
            confirm=True,
            off_session=True,
            error_on_requires_action=True,
        )

    def draft(self) -> Any:
        return self.v1.invoices.create(
            params(
                customer="cus_x",
                currency="usd",
                description="tea",
                auto_advance=False,
                collection_method="charge_automatically",
                pending_invoice_items_behavior="exclude",
                metadata=TAGS,
            )
        )

    def item(self, invoice: str) -> Any:
        return self.v1.invoice_items.create(
            params(
                customer="cus_x",
                invoice=invoice,
                pricing={"price": "price_once"},
                quantity=1,
                metadata=TAGS,
            )
        )

    def finalized(self) -> Any:
        draft = self.draft().id
        self.item(draft)
        return self.v1.invoices.finalize_invoice(draft, {"auto_advance": False})

    def paid_invoice(self) -> Any:
        return self.v1.invoices.pay(
            self.finalized().id, {"payment_method": "pm_card_visa", "off_session": True}
        )

    def subscription(self) -> Any:
        return self.v1.subscriptions.create(
            params(
                customer="cus_x",
                items=[{"price": "price_monthly"}],
                payment_behavior="error_if_incomplete",
                off_session=True,
                description="tea, monthly",
                metadata=TAGS,
                expand=["latest_invoice"],
            )
        )

    def session(self) -> Any:
        return self.v1.checkout.sessions.create(
            params(
                mode="payment",
                customer="cus_x",
                line_items=[{"price": "price_once", "quantity": 1}],
                success_url="https://example.com/s",
                cancel_url="https://example.com/c",
                payment_intent_data={"metadata": TAGS},
                metadata=TAGS,
            )
        )

    def customer(self) -> Any:
        return self.v1.customers.create(
            params(email="bot@example.com", name="Bot", description="a bot", metadata=TAGS)
        )

    def refund(self) -> Any:
        return self.v1.refunds.create(
            params(
                payment_intent=self.paid().id,
                amount=300,
                reason="requested_by_customer",
                metadata=TAGS,
            )
        )


def params(**given: Any) -> Any:
    """Return parameters; the SDK's own types of them differ from version to version."""
    return given


def _page(**filters: Any) -> Any:
    return {"limit": 100, **filters}


_SINCE = {"created": {"gte": 1_700_000_000}}

CALLS: dict[str, Callable[[Stripe], Any]] = {
    "accounts.retrieve_current": lambda s: s.v1.accounts.retrieve_current(),
    "balance.retrieve": lambda s: s.v1.balance.retrieve(),
    "charges.retrieve": lambda s: s.v1.charges.retrieve(
        s.paid().latest_charge or "ch_x", {"expand": ["customer"]}
    ),
    "checkout.sessions.create": Stripe.session,
    "checkout.sessions.expire": lambda s: s.v1.checkout.sessions.expire(s.session().id, {}),
    "checkout.sessions.list": lambda s: s.v1.checkout.sessions.list(_page(customer="cus_x")),
    "checkout.sessions.retrieve": lambda s: s.v1.checkout.sessions.retrieve(s.session().id),
    "customers.create": Stripe.customer,
    "customers.delete": lambda s: s.v1.customers.delete(s.customer().id),
    "customers.list": lambda s: s.v1.customers.list(_page(**_SINCE)),
    "customers.retrieve": lambda s: s.v1.customers.retrieve(s.customer().id),
    "invoice_items.create": lambda s: s.item(s.draft().id),
    "invoice_payments.list": lambda s: s.v1.invoice_payments.list(
        _page(invoice=s.paid_invoice().id, status="paid")
    ),
    "invoices.create": Stripe.draft,
    "invoices.delete": lambda s: s.v1.invoices.delete(s.draft().id),
    "invoices.finalize_invoice": Stripe.finalized,
    "invoices.list": lambda s: s.v1.invoices.list(_page(customer="cus_x", **_SINCE)),
    "invoices.pay": Stripe.paid_invoice,
    "invoices.retrieve": lambda s: s.v1.invoices.retrieve(s.draft().id),
    "invoices.void_invoice": lambda s: s.v1.invoices.void_invoice(s.finalized().id, {}),
    "payment_intents.cancel": lambda s: s.v1.payment_intents.cancel(s.intent().id, {}),
    "payment_intents.create": Stripe.paid,
    "payment_intents.list": lambda s: s.v1.payment_intents.list(_page(customer="cus_x", **_SINCE)),
    "payment_intents.retrieve": lambda s: s.v1.payment_intents.retrieve(
        s.paid().id, {"expand": ["latest_charge", "customer"]}
    ),
    "prices.retrieve": lambda s: s.v1.prices.retrieve("price_once"),
    "refunds.create": Stripe.refund,
    "refunds.list": lambda s: s.v1.refunds.list(_page(payment_intent=s.paid().id)),
    "refunds.retrieve": lambda s: s.v1.refunds.retrieve(s.refund().id),
    "subscriptions.cancel": lambda s: s.v1.subscriptions.cancel(
        s.subscription().id, {"invoice_now": False, "prorate": False}
    ),
    "subscriptions.create": Stripe.subscription,
    "subscriptions.list": lambda s: s.v1.subscriptions.list(_page(customer="cus_x", status="all")),
    "subscriptions.retrieve": lambda s: s.v1.subscriptions.retrieve(
        s.subscription().id, {"expand": ["latest_invoice"]}
    ),
}
