"""One Stripe account's state: its objects by kind, its balance, its saved idempotent answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .cards import Behaviour
from .failures import Json, missing
from .faults import FaultPlan
from .idempotency import SavedAnswers
from .world import World

KINDS = (
    "charge",
    "checkout.session",
    "customer",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "payment_intent",
    "payment_method",
    "price",
    "product",
    "refund",
    "subscription",
)

_PREFIXES = {
    "ch": "charge",
    "cs": "checkout.session",
    "cus": "customer",
    "in": "invoice",
    "inpay": "invoice_payment",
    "ii": "invoiceitem",
    "pi": "payment_intent",
    "pm": "payment_method",
    "price": "price",
    "prod": "product",
    "re": "refund",
    "sub": "subscription",
}


def nulls(names: str) -> Json:
    """Return fields that are null until they have a value."""
    return dict.fromkeys(names.split())


class AccountState:
    """The objects of one account, as the JSON of Stripe's answers."""

    def __init__(self, account_id: str, balance: dict[str, int] | None = None) -> None:
        self.id = account_id
        self.objects: dict[str, dict[str, Json]] = {kind: {} for kind in KINDS}
        self.available_minor: Counter[str] = Counter(balance or {"usd": 0})
        self.behaviours: dict[str, Behaviour] = {}
        # A PaymentIntent does not name its invoice (Stripe: 2025-03-31), but knows it.
        self.invoice_of: dict[str, str] = {}
        # The parameters of a checkout session; Stripe uses them when the customer pays.
        self.checkout_data: dict[str, Json] = {}
        self.saved = SavedAnswers()

    def add(self, item: Json) -> Json:
        """Store a new object under its kind and id, and return it."""
        self.objects[item["object"]][item["id"]] = item
        return item

    def find(self, kind: str, target: str, *, param: str = "id", status: int = 404) -> Json:
        """Return an object, or raise `resource_missing`."""
        found = self.objects[kind].get(target)
        if found is None:
            raise missing(kind, target, param=param, status=status)
        return found

    def named(self, kind: str, params: Json, param: str) -> Json | None:
        """Return the object named by a parameter, if it is given."""
        target = params.get(param)
        return None if target is None else self.find(kind, target, param=param, status=400)

    def by_id(self, target: str) -> Json | None:
        """Return an object of any kind by its id, if there is one."""
        kind = _PREFIXES.get(target.split("_", 1)[0])
        return self.objects[kind].get(target) if kind else None


@dataclass(slots=True)
class Call:
    """One request during its execution."""

    world: World
    account: AccountState
    faults: FaultPlan
    method: str
    path: str
    params: dict[str, Any]
    target: str = ""
    search_lag_s: float = 0.0
    api_version: str = ""
    now: int = field(init=False)

    def __post_init__(self) -> None:
        self.now = int(self.world.now())

    def found(self, kind: str) -> Json:
        """Return the object that the path names."""
        return self.account.find(kind, self.target)
