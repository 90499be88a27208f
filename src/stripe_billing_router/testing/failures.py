"""Stripe's refusals: what an endpoint raises, and the JSON that a client receives for it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_DOCS = "https://docs.stripe.com/error-codes/"
_KINDS = {
    "customer": "customer",
    "price": "price",
    "product": "product",
    "payment_method": "PaymentMethod",
    "payment_intent": "payment_intent",
    "charge": "charge",
    "refund": "refund",
    "invoice": "invoice",
    "invoiceitem": "invoiceitem",
    "invoice_payment": "invoice_payment",
    "subscription": "subscription",
    "checkout.session": "checkout.session",
}


class StripeFailure(Exception):  # noqa: N818 - It is an answer of Stripe's, not a fault of ours.
    """An answer that is not a 2xx. Stripe: "Errors".

    `saved` says whether the idempotency layer keeps it: it keeps results from the start of the
    endpoint's execution on, and no refusal before that.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - Stripe's own name for the field
        code: str | None = None,
        param: str | None = None,
        saved: bool = True,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        self.headers = headers or {}
        self.error: Json = {"message": message, "type": type}
        if code is not None:
            self.error |= {"code": code, "doc_url": f"{_DOCS}{code.replace('_', '-')}"}
        if param is not None:
            self.error["param"] = param
        self.error |= {name: value for name, value in details.items() if value is not None}

    @property
    def body(self) -> Json:
        """The JSON of the response."""
        return {"error": self.error}


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> StripeFailure:
    """Return a refusal of the parameters, before the endpoint executes: it is not saved."""
    return StripeFailure(400, message, code=code, param=param, saved=False)


def refused(message: str, *, code: str | None = None, param: str | None = None) -> StripeFailure:
    """Return a refusal by the endpoint itself, such as a state that forbids it: it is saved."""
    return StripeFailure(400, message, code=code, param=param)


def missing(kind: str, target: str, *, param: str = "id", status: int = 404) -> StripeFailure:
    """Return `resource_missing`: 404 for an id in the path, 400 for one in a parameter."""
    name = _KINDS.get(kind, kind)
    return StripeFailure(
        status, f"No such {name}: '{target}'", code="resource_missing", param=param
    )


def not_modelled(what: str) -> StripeFailure:
    """Return the refusal of something that Stripe supports and the sandbox does not.

    Accepting it and doing nothing would let a test pass that proves nothing.
    """
    return invalid(
        f"Stripe knows {what}, but this sandbox does not model it, so it refuses rather than "
        "pretend.",
        code="sandbox_not_modelled",
        param=what,
    )
