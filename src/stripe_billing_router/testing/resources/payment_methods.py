"""Payment methods: the named test cards, and those that belong to a customer."""

from __future__ import annotations

from ..account import AccountState, Call
from ..cards import TEST_CARDS, Behaviour
from ..failures import Json, StripeFailure, refused
from ..listing import PAGE, page_of
from ..validation import Params, identifier, texts, words
from ..world import World

ATTACH = Params(
    {"customer": identifier, "expand": texts},
    required=("customer",),
    refused=words("customer_account"),
)
LIST = Params(
    {**PAGE, "customer": identifier, "type": identifier},
    refused=words("allow_redisplay customer_account"),
)


def new_payment_method(target: str, created: int, customer: str | None) -> Json:
    """Return a card."""
    return {
        "id": target,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": None, "email": None, "name": None, "phone": None, "tax_id": None,
        },
        "card": {
            "brand": "visa", "country": "US", "display_brand": "visa", "exp_month": 12,
            "exp_year": 2034, "fingerprint": "sandboxcard", "funding": "credit", "last4": "4242",
            "checks": None, "networks": {"available": ["visa"], "preferred": None},
            "three_d_secure_usage": {"supported": True}, "wallet": None,
        },
        "created": created,
        "customer": customer,
        "customer_account": None,
        "livemode": True,
        "metadata": {},
        "type": "card",
    }  # fmt: skip


def behaviour_of(account: AccountState, method: str) -> Behaviour:
    """Return how a payment method behaves; by default it succeeds."""
    return account.behaviours.get(method) or TEST_CARDS.get(method) or Behaviour()


def usable(call: Call, method: str, customer: str | None, param: str = "payment_method") -> Json:
    """Return a payment method that may be charged for this customer, or refuse."""
    account = call.account
    if method in TEST_CARDS and method not in account.objects["payment_method"]:
        account.add(new_payment_method(method, call.now, None))
    found = account.find("payment_method", method, param=param, status=400)
    owner = found["customer"]
    if owner is not None and owner != customer:
        raise refused(
            f"The payment method you provided has been attached to a customer. To use it, provide "
            f"that customer's id with it; {method} does not belong to {customer}.",
            code="payment_method_customer_mismatch" if customer else None,
            param=param,
        )
    return found


def attached(world: World, account: AccountState, method: str, customer: str) -> str:
    """Attach a payment method to a customer, and return its id: a test card gets a new one."""
    known = account.objects["payment_method"].get(method)
    if known is not None and method not in TEST_CARDS:
        known["customer"] = customer
        return method
    target = world.id("pm_1") if method in TEST_CARDS else method
    account.behaviours[target] = behaviour_of(account, method)
    account.add(new_payment_method(target, int(world.now()), customer))
    return target


def attach(call: Call) -> Json:
    """Answer `POST /v1/payment_methods/{id}/attach`."""
    customer = call.params["customer"]
    call.account.find("customer", customer, param="customer", status=400)
    owner = usable(call, call.target, customer, "id")["customer"]
    if owner == customer:
        raise refused("The payment method you provided has already been attached to a customer.")
    target = attached(call.world, call.account, call.target, customer)
    return call.account.find("payment_method", target)


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/payment_methods/{id}`."""
    try:
        return usable(call, call.target, None, "payment_method")
    except StripeFailure:
        return call.found("payment_method")


def list_(call: Call) -> Json:
    """Answer `GET /v1/payment_methods`, those of a customer."""
    return page_of(call, "payment_method", None, "customer", "type")
