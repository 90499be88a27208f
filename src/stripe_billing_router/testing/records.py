"""What a sandbox records for assertions: the requests it received, and the money it moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(slots=True)
class RequestRecord:
    """One request, as it arrived, and its result.

    Attributes:
        status: of the answer, even if that was lost; None while the request runs, and for a
            refused connection.
        account: the account of its key, if the key is known.
        fault: the kind of the injected fault, if any.
        replayed: whether the answer came from the idempotency layer.
    """

    method: str
    path: str
    params: dict[str, Any] = field(repr=False)
    idempotency_key: str | None
    request_id: str
    status: int | None = None
    account: str | None = None
    fault: str | None = None
    replayed: bool = False

    @property
    def arrived(self) -> bool:
        """Whether it reached Stripe."""
        return self.fault != "refuse"


@dataclass(frozen=True, slots=True)
class Effect:
    """Money that moved: a captured charge, or a refund that has not failed.

    `amount_minor` is positive for both. `metadata` is the object's own; for the charge of an
    invoice it is the invoice's, or its subscription's.
    """

    kind: Literal["charge", "refund"]
    id: str
    amount_minor: int
    currency: str
    payment_intent: str | None
    invoice: str | None
    metadata: Mapping[str, str]
    created: int
    account: str


@dataclass(slots=True)
class SandboxResponse:
    """An answer, and whether it reaches the client.

    `delivery` is `whole`; `refused`: no connection, nothing executed; `lost`: executed, and the
    connection dropped instead of an answer; `truncated`: it breaks in the middle of the body.
    """

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)
    delivery: Literal["whole", "refused", "lost", "truncated"] = "whole"
