"""What a test counts afterwards: requests that arrived, and money that moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from .account import AccountState
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
            yield Effect(
                "charge",
                charge["id"],
                charge["amount_captured"],
                charge["currency"],
                charge["payment_intent"],
                charge["metadata"],
                charge["created"],
                account.id,
            )
    for refund in account.objects["refund"].values():
        if refund["status"] not in ("failed", "canceled"):
            yield Effect(
                "refund",
                refund["id"],
                refund["amount"],
                refund["currency"],
                refund["payment_intent"],
                refund["metadata"],
                refund["created"],
                account.id,
            )
