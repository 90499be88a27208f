"""`expand[]`: replaces ids in an answer by the objects. Stripe: "Expanding"."""

from __future__ import annotations

from typing import Any

from .account import AccountState
from .failures import Json, StripeFailure, invalid

MAX_DEPTH = 4
# Lists that an object shows only on request: kind and the field that names the owner.
_INCLUDED = {
    ("invoice", "payments"): ("invoice_payment", "invoice"),
    ("charge", "refunds"): ("refund", "charge"),
}

# What may be expanded in each kind of object. Others are refused before anything is executed.
_ROOTS = {
    "account": set[str](),
    "balance": set[str](),
    "charge": {"customer", "payment_intent", "payment_method", "refunds"},
    "checkout.session": {"customer", "invoice", "line_items", "payment_intent", "subscription"},
    "customer": {"default_source", "invoice_settings"},
    "invoice": {"customer", "default_payment_method", "lines", "parent", "payments"},
    "invoice_payment": {"invoice", "payment"},
    "invoiceitem": {"customer", "invoice"},
    "payment_intent": {"customer", "latest_charge", "payment_method"},
    "payment_method": {"customer"},
    "price": {"product"},
    "product": {"default_price"},
    "refund": {"charge", "payment_intent"},
    "subscription": {"customer", "default_payment_method", "items", "latest_invoice"},
}


def check_expansions(kind: str, paths: list[str], *, listed: bool) -> None:
    """Refuse paths that the kind of object does not have. Stripe: "Expanding responses"."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH:
            raise invalid(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}"
            )
        root = steps[1] if listed and steps[0] == "data" and len(steps) > 1 else steps[0]
        if root not in _ROOTS[kind] or (listed and steps[0] != "data"):
            raise _cannot(path)


def expand(account: AccountState, item: Json, paths: list[str]) -> Json:
    """Return a copy of an answer with the paths expanded; the state does not change."""
    for path in paths:
        item = _along(account, item, path.split("."), path)
    return item


def _along(account: AccountState, item: Json, steps: list[str], path: str) -> Json:
    name, rest = steps[0], steps[1:]
    value = item[name] if name in item else _included(account, item, name)
    if value is _NOTHING:
        raise _cannot(path)
    return {**item, name: _inside(account, value, rest, path)}


def _inside(account: AccountState, value: Any, rest: list[str], path: str) -> Any:
    if isinstance(value, list):
        return [_inside(account, inner, rest, path) for inner in value]
    if isinstance(value, str):
        named = account.by_id(value)
        if named is None:
            raise _cannot(path)
        value = named
    return _along(account, value, rest, path) if rest and isinstance(value, dict) else value


_NOTHING = object()


def _cannot(path: str) -> StripeFailure:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")


def _included(account: AccountState, item: Json, name: str) -> Any:
    what = _INCLUDED.get((item.get("object", ""), name))
    if what is None:
        return _NOTHING
    kind, owner = what
    rows = [row for row in account.objects[kind].values() if row[owner] == item["id"]]
    collection = item["object"].replace("_", "") + "s"
    return {
        "object": "list",
        "data": rows,
        "has_more": False,
        "url": f"/v1/{collection}/{item['id']}/{name}",
    }
