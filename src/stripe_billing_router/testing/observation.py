"""What a test checks afterwards: requests that arrived, money that moved, objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Literal

from .account import AccountState
from .failures import Json
from .records import Effect, RequestRecord
from .service import Service


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
    """Yield the money that moved in one account: captured charges, then refunds."""
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


class Observation:
    """The methods of a sandbox that inspect it. The objects are Stripe's JSON, and live."""

    _service: Service

    @property
    def account_id(self) -> str:
        """The default account of keys."""
        return self._service.main.id

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request so far, in order of arrival."""
        with self._service.lock:
            return list(self._service.requests)

    def count(self, request: str) -> int:
        """Return how many requests arrived, as in `sandbox.count("POST /v1/refunds")`.

        Args:
            request: a method and a path; both may be patterns as in fnmatch.
        """
        return count(self.requests, request)

    def effects(self) -> list[Effect]:
        """Return all money that moved, in every account: charges, then refunds."""
        with self._service.lock:
            return [effect for state in self._service.accounts.values() for effect in moved(state)]

    def captured_minor(self, currency: str = "usd") -> int:
        """Return the sum of all captured charges in a currency, in minor units, before refunds."""
        return sum(
            effect.amount_minor
            for effect in self.effects()
            if effect.kind == "charge" and effect.currency == currency
        )

    def refunded_minor(self, currency: str = "usd") -> int:
        """Return the sum of all refunds in a currency, in minor units."""
        return sum(
            effect.amount_minor
            for effect in self.effects()
            if effect.kind == "refund" and effect.currency == currency
        )

    def objects(self, kind: str, account_id: str | None = None) -> Mapping[str, Json]:
        """Return the objects of a kind, such as `payment_intent`, by id."""
        return self._service.accounts[account_id or self.account_id].objects[kind]

    @property
    def charges(self) -> Mapping[str, Json]:
        """The charges by id."""
        return self.objects("charge")

    @property
    def checkout_sessions(self) -> Mapping[str, Json]:
        """The checkout sessions by id."""
        return self.objects("checkout.session")

    @property
    def customers(self) -> Mapping[str, Json]:
        """The customers by id; a deleted one leaves a stub."""
        return self.objects("customer")

    @property
    def invoices(self) -> Mapping[str, Json]:
        """The invoices by id; a deleted draft is gone."""
        return self.objects("invoice")

    @property
    def payment_intents(self) -> Mapping[str, Json]:
        """The PaymentIntents by id, including those of invoices."""
        return self.objects("payment_intent")

    @property
    def prices(self) -> Mapping[str, Json]:
        """The prices by id."""
        return self.objects("price")

    @property
    def products(self) -> Mapping[str, Json]:
        """The products by id."""
        return self.objects("product")

    @property
    def refunds(self) -> Mapping[str, Json]:
        """The refunds by id."""
        return self.objects("refund")

    @property
    def subscriptions(self) -> Mapping[str, Json]:
        """The subscriptions by id."""
        return self.objects("subscription")
