"""Every request that the product can make at Stripe; what is not in this table cannot be sent.

`Charge.create` is deliberately not here. A test compares each row with what the installed SDK's own
method of that name sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

# Names that `StripeClient.raw_request` takes for itself. As a parameter, each would change the
# account, the address or the key instead of being sent; Stripe has no parameter of these names.
RESERVED_PARAMS: Final = frozenset(
    {
        "api_key", "stripe_account", "stripe_context", "stripe_version", "idempotency_key",
        "headers", "max_network_retries", "content_type", "base", "usage", "method_", "url_",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """One row: the request, and what a good answer to it looks like."""

    verb: str
    path: str
    object: str
    # The prefix of the answer's id, if Stripe's ids of that kind have always had one.
    id_prefix: str = ""

    def url(self, target: str) -> str:
        """Return the path with `target` quoted in its place."""
        return self.path.replace("{}", quote(target, safe=""))


def _rows() -> dict[str, Method]:
    post, get, delete = "post", "get", "delete"
    rows = {
        "accounts.retrieve_current": (get, "/v1/account", "account", "acct_"),
        "balance.retrieve": (get, "/v1/balance", "balance"),
        "charges.retrieve": (get, "/v1/charges/{}", "charge"),
        "charges.list": (get, "/v1/charges", "list"),
        "checkout.sessions.create": (post, "/v1/checkout/sessions", "checkout.session", "cs_"),
        "checkout.sessions.expire": (
            post, "/v1/checkout/sessions/{}/expire", "checkout.session", "cs_",
        ),
        "checkout.sessions.list": (get, "/v1/checkout/sessions", "list"),
        "checkout.sessions.retrieve": (
            get, "/v1/checkout/sessions/{}", "checkout.session", "cs_",
        ),
        "customers.create": (post, "/v1/customers", "customer"),
        "customers.delete": (delete, "/v1/customers/{}", "customer"),
        "customers.list": (get, "/v1/customers", "list"),
        "customers.retrieve": (get, "/v1/customers/{}", "customer"),
        "invoice_items.create": (post, "/v1/invoiceitems", "invoiceitem", "ii_"),
        "invoice_items.delete": (delete, "/v1/invoiceitems/{}", "invoiceitem", "ii_"),
        "invoice_payments.list": (get, "/v1/invoice_payments", "list"),
        "invoices.create": (post, "/v1/invoices", "invoice", "in_"),
        "invoices.delete": (delete, "/v1/invoices/{}", "invoice", "in_"),
        "invoices.finalize_invoice": (post, "/v1/invoices/{}/finalize", "invoice", "in_"),
        "invoices.list": (get, "/v1/invoices", "list"),
        "invoices.pay": (post, "/v1/invoices/{}/pay", "invoice", "in_"),
        "invoices.retrieve": (get, "/v1/invoices/{}", "invoice", "in_"),
        "invoices.void_invoice": (post, "/v1/invoices/{}/void", "invoice", "in_"),
        "payment_intents.cancel": (
            post, "/v1/payment_intents/{}/cancel", "payment_intent", "pi_",
        ),
        "payment_intents.create": (post, "/v1/payment_intents", "payment_intent", "pi_"),
        "payment_intents.list": (get, "/v1/payment_intents", "list"),
        "payment_intents.retrieve": (get, "/v1/payment_intents/{}", "payment_intent", "pi_"),
        "payment_intents.search": (get, "/v1/payment_intents/search", "search_result"),
        "prices.retrieve": (get, "/v1/prices/{}", "price"),
        "refunds.create": (post, "/v1/refunds", "refund"),
        "refunds.list": (get, "/v1/refunds", "list"),
        "refunds.retrieve": (get, "/v1/refunds/{}", "refund"),
        "subscriptions.cancel": (delete, "/v1/subscriptions/{}", "subscription", "sub_"),
        "subscriptions.create": (post, "/v1/subscriptions", "subscription", "sub_"),
        "subscriptions.list": (get, "/v1/subscriptions", "list"),
        "subscriptions.retrieve": (get, "/v1/subscriptions/{}", "subscription", "sub_"),
    }  # fmt: skip
    return {name: Method(*row) for name, row in rows.items()}


METHODS: Final = _rows()
