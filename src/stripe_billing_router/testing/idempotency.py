"""Stripe's idempotency layer, as documented. Stripe: "Idempotent requests".

Status and body of the first request with a key are saved once its endpoint begins to execute,
whether it succeeds or fails, 500s included. Refused parameters, a concurrent use of the key, 401
and 429 are not saved. A key may be forgotten when it is 24 hours old; the sandbox does so then.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from .failures import StripeFailure, invalid

RETENTION_S = 24 * 3600
MAX_KEY_LENGTH = 255


@dataclass(slots=True)
class SavedAnswer:
    """One key: its request and its answer; without status while it is in use."""

    endpoint: str
    params: dict[str, Any]
    since_s: float
    request_id: str
    status: int | None = None
    body: bytes = b""


class SavedAnswers:
    """The keys of one account. Not thread-safe: the caller holds the sandbox's lock."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, SavedAnswer] = OrderedDict()

    def begin(
        self, key: str, endpoint: str, params: dict[str, Any], now_s: float, request_id: str
    ) -> SavedAnswer | None:
        """Return the saved answer for this key, or mark the key as in use and return None.

        Raises `StripeFailure`: 400 `idempotency_error` if the key belongs to another request,
        409 `idempotency_key_in_use` while that other request runs.
        """
        self._forget_before(now_s - RETENTION_S)
        if len(key) > MAX_KEY_LENGTH:
            raise invalid(
                f"Idempotency keys can have up to {MAX_KEY_LENGTH} characters.",
                param="idempotency_key",
            )
        known = self._by_key.get(key)
        if known is None:
            self._by_key[key] = SavedAnswer(endpoint, params, now_s, request_id)
            return None
        if known.endpoint != endpoint:
            raise _mismatch(
                f"Keys for idempotent requests can only be used for the same endpoint they were "
                f"first used for ('{known.endpoint}' vs '{endpoint}'). Try using a key other than "
                f"'{key}' if you meant to execute a different request."
            )
        if known.params != params:
            raise _mismatch(
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request."
            )
        if known.status is None:
            raise key_in_use(key)
        return known

    def finish(self, key: str, status: int, body: bytes) -> None:
        """Save the answer."""
        saved = self._by_key.get(key)
        if saved is not None:
            saved.status, saved.body = status, body

    def abandon(self, key: str) -> None:
        """Forget a key whose request was not executed."""
        self._by_key.pop(key, None)

    def _forget_before(self, moment_s: float) -> None:
        while self._by_key:
            key, oldest = next(iter(self._by_key.items()))
            if oldest.since_s > moment_s or oldest.status is None:
                return
            del self._by_key[key]


def _mismatch(message: str) -> StripeFailure:
    return StripeFailure(400, message, type="idempotency_error", saved=False)


def key_in_use(key: str) -> StripeFailure:
    """Return Stripe's 409 for a key whose first request is still running."""
    return StripeFailure(
        409,
        "There is currently another in-progress request using this Idempotent Key (that probably "
        "means you submitted twice, and the other request is still going through): "
        f"{key}. Please try again later.",
        code="idempotency_key_in_use",
        saved=False,
        headers={"Stripe-Should-Retry": "true"},
    )
