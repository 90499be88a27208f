"""What a test counts afterwards: requests that arrived, and money that moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Literal

from .account import AccountState
from .failures import Json
from .records import Effect, RequestRecord


def count(requests: Iterable[RequestRecord], pattern: str) -> int:
    """Return how many requests arrived that match `METHOD /path`, both as in fnmatch."""
    method, _, path = pattern.partition(" ")
    if not path:
        raise ValueError(f"count takes a method and a path, as in 'POST /v1/refunds': {pattern!r}")
    return sum(
        record.arrived and fnmatchcase(record.method, method) and fnmatchcase(record.path, path)
        for record in requests
    )


def moved(account: AccountState) -> Iterator[Effect]:
    """Yield the money that moved in one account: captured charges, then refunds under way."""
    for charge in account.objects["charge"].values():
        if charge["status"] == "succeeded":
            yield _effect(account, "charge", charge, charge["amount_captured"])
    for refund in account.objects["refund"].values():
        if refund["status"] not in ("failed", "canceled"):
            yield _effect(account, "refund", refund, refund["amount"])


def _effect(
    account: AccountState, kind: Literal["charge", "refund"], item: Json, amount_minor: int
) -> Effect:
    invoice = account.invoice_of.get(item["payment_intent"] or "")
    metadata = item["metadata"]
    if kind == "charge" and not metadata and invoice is not None:
        metadata = _metadata_of(account.objects["invoice"].get(invoice, {}))
    return Effect(
        kind=kind,
        id=item["id"],
        amount_minor=amount_minor,
        currency=item["currency"],
        payment_intent=item["payment_intent"],
        invoice=invoice,
        metadata=metadata,
        created=item["created"],
        account=account.id,
    )


def _metadata_of(invoice: Json) -> Json:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return invoice.get("metadata") or details.get("metadata") or {}
