"""The sandbox and stripe-mock take the same requests and answer in the same shapes.

stripe-mock is made from Stripe's own description of its API, but keeps no state: so what is
compared is which requests are taken, and the fields and JSON types of the answers, not what
happened.
"""

from typing import Any

import pytest
import stripe

from contract.calls import CALLS, Stripe
from stripe_billing_router.gateway.methods import METHODS

# The JSON types of what the router reads, by the kind of object. `None` where it may be null.
TEXT, NUMBER, FLAG, HASH, NULL = "str", "int", "bool", "dict", "NoneType"
READ: dict[str, dict[str, set[str]]] = {
    "account": {"id": {TEXT}},
    "balance": {"livemode": {FLAG}, "available": {"list"}, "pending": {"list"}},
    "charge": {
        "amount": {NUMBER},
        "amount_captured": {NUMBER},
        "amount_refunded": {NUMBER},
        "currency": {TEXT},
        "customer": {TEXT, HASH, NULL},
        "livemode": {FLAG},
        "metadata": {HASH},
        "on_behalf_of": {TEXT, NULL},
        "status": {TEXT},
        "transfer_data": {HASH, NULL},
    },
    "checkout.session": {
        "amount_total": {NUMBER, NULL},
        "created": {NUMBER},
        "currency": {TEXT, NULL},
        "customer": {TEXT, NULL},
        "customer_email": {TEXT, NULL},
        "livemode": {FLAG},
        "metadata": {HASH},
        "payment_intent": {TEXT, NULL},
        "payment_status": {TEXT},
        "status": {TEXT},
        "url": {TEXT, NULL},
    },
    "customer": {
        "created": {NUMBER},
        "default_source": {TEXT, NULL},
        "email": {TEXT, NULL},
        "invoice_settings": {HASH},
        "livemode": {FLAG},
        "metadata": {HASH},
    },
    "invoice": {
        "amount_due": {NUMBER},
        "amount_paid": {NUMBER},
        "created": {NUMBER},
        "currency": {TEXT},
        "customer": {TEXT},
        "customer_email": {TEXT, NULL},
        "issuer": {HASH},
        "livemode": {FLAG},
        "metadata": {HASH},
        "on_behalf_of": {TEXT, NULL},
        "status": {TEXT},
        "total": {NUMBER},
    },
    "invoice_payment": {
        "amount_paid": {NUMBER, NULL},
        "currency": {TEXT},
        "invoice": {TEXT},
        "payment": {HASH},
        "status": {TEXT},
    },
    "invoiceitem": {
        "amount": {NUMBER},
        "currency": {TEXT},
        "invoice": {TEXT, NULL},
        "livemode": {FLAG},
        "metadata": {HASH},
        "pricing": {HASH},
    },
    "payment_intent": {
        "amount": {NUMBER},
        "amount_received": {NUMBER},
        "client_secret": {TEXT},
        "created": {NUMBER},
        "currency": {TEXT},
        "customer": {TEXT, HASH, NULL},
        "latest_charge": {TEXT, HASH, NULL},
        "livemode": {FLAG},
        "metadata": {HASH},
        "on_behalf_of": {TEXT, NULL},
        "status": {TEXT},
        "transfer_data": {HASH, NULL},
    },
    "price": {"currency": {TEXT}, "livemode": {FLAG}, "type": {TEXT}, "unit_amount": {NUMBER}},
    "refund": {
        "amount": {NUMBER},
        "charge": {TEXT},
        "created": {NUMBER},
        "currency": {TEXT},
        "metadata": {HASH},
        "payment_intent": {TEXT, NULL},
        "status": {TEXT},
    },
    "subscription": {
        "created": {NUMBER},
        "currency": {TEXT},
        "customer": {TEXT},
        "items": {HASH},
        "latest_invoice": {TEXT, HASH, NULL},
        "livemode": {FLAG},
        "metadata": {HASH},
        "on_behalf_of": {TEXT, NULL},
        "status": {TEXT},
        "transfer_data": {HASH, NULL},
    },
}
# The kind of object in each list.
LISTED = {
    "checkout.sessions.list": "checkout.session",
    "customers.list": "customer",
    "invoice_payments.list": "invoice_payment",
    "invoices.list": "invoice",
    "payment_intents.list": "payment_intent",
    "refunds.list": "refund",
    "subscriptions.list": "subscription",
}
# stripe-mock's description is of an API version before ours; these fields differ for good reason.
ONLY_AT_STRIPE_MOCK = {
    "account": {
        # Who the account is, which no payment depends on.
        "external_accounts", "future_requirements", "requirements", "tos_acceptance",
    },
    "charge": {"refunds"},  # Stripe includes it only where it is expanded, since 2022-11-15.
    "checkout.session": {"integration_identifier", "managed_payments"},
    "payment_intent": {"managed_payments"},
    "subscription": {"billing_schedules", "managed_payments"},
}  # fmt: skip
ONLY_AT_THE_SANDBOX = {
    "checkout.session": {"return_url"},  # Stripe answers it where it was given.
    "invoiceitem": {"created"},  # Lists sort by it; Stripe calls it `date` there.
    "product": {"type"},
}


def types_of(value: Any) -> str:
    return type(value).__name__


def check_shape(kind: str, item: dict[str, Any]) -> None:
    assert item["object"] == kind
    for name, allowed in READ[kind].items():
        assert name in item, f"{kind} has no {name}"
        assert types_of(item[name]) in allowed, f"{kind}.{name} is {item[name]!r}"


def test_every_call_of_the_router_is_here() -> None:
    assert CALLS.keys() == METHODS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_both_take_the_call_and_answer_in_the_shape_that_the_router_reads(
    api: Stripe, name: str
) -> None:
    answer = api.send(name)
    method = METHODS[name]
    assert answer["object"] == method.object
    assert str(answer.get("id", "")).startswith(method.id_prefix)
    if answer.get("deleted"):
        assert answer["deleted"] is True
    elif name in LISTED:
        assert isinstance(answer["has_more"], bool)
        assert answer["url"] == method.path
        for item in answer["data"]:
            check_shape(LISTED[name], item)
    else:
        check_shape(method.object, answer)


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("payment_intents.retrieve", "latest_charge", "charge"),
        ("payment_intents.retrieve", "customer", "customer"),
        ("subscriptions.retrieve", "latest_invoice", "invoice"),
    ],
)
def test_both_expand_what_the_router_asks_for(api: Stripe, name: str, path: str, kind: str) -> None:
    """stripe-mock leaves null what its fixture has no object for."""
    inner = api.send(name)[path]
    if inner is not None:
        check_shape(kind, inner)


@pytest.mark.stripe_mock
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, method.object)
        for name, method in METHODS.items()
        if name.endswith((".retrieve", ".create", ".retrieve_current"))
    ],
)
def test_the_objects_have_the_same_fields_with_the_same_types(
    over_sandbox: Stripe, over_stripe_mock: Stripe, name: str, kind: str
) -> None:
    ours, theirs = over_sandbox.send(name), over_stripe_mock.send(name)
    missing = theirs.keys() - ours.keys() - ONLY_AT_STRIPE_MOCK.get(kind, set())
    invented = ours.keys() - theirs.keys() - ONLY_AT_THE_SANDBOX.get(kind, set())
    assert (missing, invented) == (set(), set())
    different = {
        field: (ours[field], theirs[field])
        for field in ours.keys() & theirs.keys()
        if ours[field] is not None
        and theirs[field] is not None
        and types_of(ours[field]) != types_of(theirs[field])
        # An id on one side may be an object on the other: expanded, or not.
        and {types_of(ours[field]), types_of(theirs[field])} != {TEXT, HASH}
    }
    assert different == {}


@pytest.mark.parametrize(
    "create",
    [
        lambda v1, extra: v1.payment_intents.create({"amount": 5, "currency": "usd", **extra}),
        lambda v1, extra: v1.refunds.create({"payment_intent": "pi_x", **extra}),
        lambda v1, extra: v1.customers.create(extra),
        lambda v1, extra: v1.invoices.create({"customer": "cus_x", **extra}),
        lambda v1, extra: v1.invoice_items.create({"customer": "cus_x", **extra}),
        lambda v1, extra: v1.subscriptions.create(
            {"customer": "cus_x", "items": [{"price": "price_monthly"}], **extra}
        ),
        lambda v1, extra: v1.checkout.sessions.create({"mode": "payment", **extra}),
        lambda v1, extra: v1.payment_intents.list(extra),
        lambda v1, extra: v1.invoices.pay("in_x", extra),
    ],
    ids=[
        "payment_intents", "refunds", "customers", "invoices", "invoice_items", "subscriptions",
        "checkout", "list", "pay",
    ],
)  # fmt: skip
def test_both_refuse_a_parameter_that_stripe_does_not_know(api: Stripe, create: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create(api.v1, {"no_such_parameter": "1"})
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    "create",
    [
        lambda v1: v1.payment_intents.create({"amount": "ten", "currency": "usd"}),
        lambda v1: v1.payment_intents.create({"currency": "usd"}),
        lambda v1: v1.payment_intents.create(
            {"amount": 5, "currency": "usd", "automatic_payment_methods": {"enabld": True}}
        ),
        lambda v1: v1.invoice_items.create({"customer": "cus_x", "price": "price_once"}),
        lambda v1: v1.refunds.create({"payment_intent": "pi_x", "reason": "I felt like it"}),
    ],
    ids=["wrong type", "missing", "nested", "moved", "outside the list of values"],
)
def test_both_refuse_parameters_of_the_wrong_shape(api: Stripe, create: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create(api.v1)
    assert caught.value.http_status == 400


def test_both_answer_404_to_a_url_that_stripe_does_not_have(api: Stripe) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.client.raw_request("get", "/v1/no_such_thing")
    assert caught.value.http_status == 404
