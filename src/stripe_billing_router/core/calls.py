"""What a flow asks of Stripe, and what it gets back: plain data on both sides of the seam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from .clean_json import CleanJson, clean

_READS = ("retrieve", "list", "search", "retrieve_current")


@cache
def writes(method: str) -> bool:
    """Say whether Stripe's state may change by a call of this method."""
    return method.rpartition(".")[2] not in _READS


@dataclass(frozen=True, slots=True)
class StripeCall:
    """One request to Stripe.

    `step` names it inside its operation and becomes part of its idempotency key; `method` is a
    name from the gateway's table, such as `payment_intents.create`; `target` is the id in the
    path; `params` are the exact parameters.
    """

    step: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None

    @property
    def writes(self) -> bool:
        """Whether Stripe's state may change by this call."""
        return writes(self.method)


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer: Stripe's JSON as plain data, and its headers in lower case.

    `body` holds no secret: decisions and records are made of it. `whole` is Stripe's JSON with
    its client secrets, for the caller's receipt and nothing else; None where it is only recorded.
    """

    body: CleanJson = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    whole: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        """Return the reply with this JSON, looked through for secrets."""
        return cls(clean(body), headers or {}, body)

    @property
    def request_id(self) -> str | None:
        """Stripe's id of this request, if it sent one."""
        return self.headers.get("request-id")


class FailureKind(StrEnum):
    """How a call failed, by what was seen and not by what it may mean."""

    NOT_SENT = "not_sent"  # refused, name not found, connect time-out: no byte left this host
    CONNECTION = "connection"  # time-out, reset, truncated body: anything may have happened
    MALFORMED = "malformed"  # a 2xx that is not the JSON object that was asked for
    AUTHENTICATION = "authentication"  # 401
    PERMISSION = "permission"  # 403
    NOT_FOUND = "not_found"  # 404
    INVALID = "invalid"  # 400
    IDEMPOTENCY = "idempotency"  # 400, type idempotency_error
    DECLINED = "declined"  # 402
    CONFLICT = "conflict"  # 409
    RATE_LIMITED = "rate_limited"  # 429
    SERVER = "server"  # 424 and every 5xx
    OTHER = "other"  # anything else


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that is not a 2xx, or no answer: plain data, without body, headers or secrets."""

    kind: FailureKind
    message: str = ""
    http_status: int | None = None
    stripe_code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    request_id: str | None = None
    # Ids of objects that the error names, by kind: {"payment_intent": "pi_…"}.
    objects: Mapping[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None
    should_retry: bool | None = None  # Stripe's own advice, where it gave one
    # Stripe repeated an answer that it keeps for this key: the execution is over, and sending the
    # key again will never say anything else.
    replayed: bool = False


class CallFailedError(Exception):
    """Raised by the gateway, and thrown into a flow when the failure is a definite one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind.value)
        self.failure = failure


class WriteEffect(StrEnum):
    """What a failed write is known to have done."""

    NONE = "none"
    DECLINED = "declined"  # no money moved, but objects may exist
    UNKNOWN = "unknown"
