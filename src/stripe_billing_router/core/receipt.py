"""What a helper returns: an immutable view of Stripe's JSON with typed attributes."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ..redaction import strip_secrets


class Receipt(Mapping[str, Any]):
    """The outcome of one operation: Stripe's object as plain data, with typed attributes.

    Item access gives Stripe's own JSON (`receipt["status"]`), including a `client_secret` where
    Stripe sent one; `repr`, pickles and the ledger never do. A receipt cannot be changed.

    Attributes:
        id: of Stripe's object, such as `pi_…`.
        object: its kind, such as `payment_intent`.
        status: as Stripe's object says it; None where the kind has none.
        paid: the test of success: true only when the money of a charge or subscription was taken,
            or the money of a refund was returned.
        amount: exact, in major units of `currency`; None where no amount belongs to it.
        currency: a three-letter code in lower case, or None as for `amount`.
        bot_id: `category:bot`, with the domain before it where that is not `stripe`.
        operation_id: for `get_operation`; the same on every host.
        idempotency_key: the business key, generated where the caller gave none.
        request_id: Stripe's `req_…`, for their support.
        replayed: whether an earlier call with the same key made the effect, and this one sent
            nothing that could make it again.
        livemode: false only where Stripe says so.
    """

    __slots__ = (
        "_body", "amount", "bot_id", "currency", "id", "idempotency_key", "livemode", "object",
        "operation_id", "paid", "replayed", "request_id", "status",
    )  # fmt: skip

    _body: dict[str, Any]
    id: str
    object: str
    status: str | None
    paid: bool
    amount: Decimal | None
    currency: str | None
    bot_id: str
    operation_id: str
    idempotency_key: str
    request_id: str | None
    replayed: bool
    livemode: bool

    def __init__(
        self,
        body: Mapping[str, Any],
        *,
        paid: bool,
        amount: Decimal | None,
        currency: str | None,
        bot_id: str,
        operation_id: str,
        idempotency_key: str,
        request_id: str | None = None,
        replayed: bool = False,
    ) -> None:
        values = {
            "_body": copy.deepcopy(dict(body)),
            "id": str(body.get("id", "")),
            "object": str(body.get("object", "")),
            "status": body.get("status"),
            "livemode": body.get("livemode") is not False,
            "paid": paid,
            "amount": amount,
            "currency": currency,
            "bot_id": bot_id,
            "operation_id": operation_id,
            "idempotency_key": idempotency_key,
            "request_id": request_id,
            "replayed": replayed,
        }
        for name, value in values.items():
            builtins.object.__setattr__(self, name, value)

    def __getitem__(self, key: str) -> Any:
        # A copy: a receipt cannot be changed through a nested list or object either.
        return copy.deepcopy(self._body[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a receipt is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a receipt is immutable: {name} cannot be deleted")

    def __hash__(self) -> int:
        return hash((self.operation_id, self.id, self.status))

    def __eq__(self, other: builtins.object) -> bool:
        if not isinstance(other, Receipt):
            return NotImplemented
        # A replay comes without the client secrets of the first answer; it is the same receipt.
        mine, others = strip_secrets(self._body), strip_secrets(other._body)
        return self.operation_id == other.operation_id and bool(mine == others)

    def to_dict(self) -> dict[str, Any]:
        """Return Stripe's JSON as a new dictionary, `client_secret` included."""
        return copy.deepcopy(self._body)

    def __repr__(self) -> str:
        return (
            f"Receipt(id={self.id!r}, object={self.object!r}, status={self.status!r}, "
            f"paid={self.paid}, amount={self.amount}, currency={self.currency!r}, "
            f"bot_id={self.bot_id!r}, operation_id={self.operation_id!r}, "
            f"replayed={self.replayed})"
        )

    def __getstate__(self) -> dict[str, Any]:
        # Python's own would give what is in the slots as it is.
        return {"_body": strip_secrets(self._body)}

    def __reduce__(self) -> tuple[Any, ...]:
        attributes = {
            name: getattr(self, name)
            for name in (
                "paid", "amount", "currency", "bot_id", "operation_id", "idempotency_key",
                "request_id", "replayed",
            )
        }  # fmt: skip
        return (_rebuild, (strip_secrets(self._body), attributes))


def _rebuild(body: dict[str, Any], attributes: dict[str, Any]) -> Receipt:
    return Receipt(body, **attributes)


# Pickles name it by the path that earlier versions have, too: a worker that is upgraded first
# returns receipts to programs that are not.
_rebuild.__module__ = "stripe_billing_router.receipt"
