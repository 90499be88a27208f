"""The one place where Stripe's exceptions end: each becomes a plain `Failure`.

The SDK's exceptions hold the whole response (client secrets included) and its frames the request's
headers. Nothing made here refers to them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import stripe

from ..core.calls import Failure, FailureKind
from ..redaction import redact, strip_secrets

_BY_STATUS: Final = {
    400: FailureKind.INVALID,
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.DECLINED,
    403: FailureKind.PERMISSION,
    404: FailureKind.NOT_FOUND,
    409: FailureKind.CONFLICT,
    424: FailureKind.SERVER,
    429: FailureKind.RATE_LIMITED,
}

# These say that nothing was done, and count only with Stripe's own error object in the body: a
# proxy's or a firewall's page with the same status proves nothing.
_NEED_STRIPES_WORD: Final = frozenset(
    {
        FailureKind.INVALID,
        FailureKind.AUTHENTICATION,
        FailureKind.DECLINED,
        FailureKind.PERMISSION,
        FailureKind.NOT_FOUND,
    }
)

_NAMED_OBJECTS: Final = (
    "payment_intent", "setup_intent", "payment_method", "charge", "invoice", "subscription",
)  # fmt: skip
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,255}")
_CODE: Final = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,200}")

_LONGEST_MESSAGE: Final = 500
# No waiting caller could follow longer advice.
_LONGEST_WAIT_S: Final = 60.0


def failure_of(error: Exception) -> Failure:
    """Describe `error`, raised by the SDK or by the HTTP client below it, as plain data."""
    if not isinstance(error, stripe.StripeError):
        # From inside the SDK or the caller's HTTP client, perhaps after the request was sent.
        return Failure(
            FailureKind.OTHER,
            f"The call ended in an unexpected {type(error).__name__}.",
        )
    if isinstance(error, stripe.APIConnectionError):
        return _no_answer(error)
    body = _error_object(error)
    headers: Mapping[str, str] = error.headers or {}
    kind = _kind(error, body)
    return Failure(
        kind=kind,
        message=_message(body) or f"HTTP status {error.http_status}.",
        http_status=error.http_status,
        stripe_code=_short(body.get("code")),
        decline_code=_short(body.get("decline_code")),
        param=_short(body.get("param")),
        request_id=_short(headers.get("request-id")),
        objects=_objects(body),
        retry_after_s=_seconds(headers.get("retry-after")),
        should_retry={"true": True, "false": False}.get(headers.get("stripe-should-retry", "")),
        replayed=headers.get("idempotent-replayed") == "true",
    )


def _no_answer(error: stripe.APIConnectionError) -> Failure:
    # Only a transport that is certain sets the attribute; other clients lack it. The message is not
    # repeated: `RequestsClient` quotes the key in one of its messages.
    if getattr(error, "not_sent", None) is True:
        return Failure(FailureKind.NOT_SENT, "Stripe could not be reached; nothing was sent.")
    return Failure(
        FailureKind.CONNECTION, "The connection ended without a complete answer from Stripe."
    )


def _kind(error: stripe.StripeError, body: Mapping[str, Any]) -> FailureKind:
    status = error.http_status
    if isinstance(error, stripe.IdempotencyError) or body.get("type") == "idempotency_error":
        return FailureKind.IDEMPOTENCY
    if isinstance(error, stripe.RateLimitError):
        return FailureKind.RATE_LIMITED
    if status is None:
        return FailureKind.OTHER
    if 200 <= status < 300:
        return FailureKind.MALFORMED
    if status >= 500:
        return FailureKind.SERVER
    kind = _BY_STATUS.get(status, FailureKind.OTHER)
    return FailureKind.OTHER if kind in _NEED_STRIPES_WORD and not body else kind


def _error_object(error: stripe.StripeError) -> Mapping[str, Any]:
    body = error.json_body
    found = body.get("error") if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _message(body: Mapping[str, Any]) -> str:
    text = body.get("message")
    return str(strip_secrets(text[:_LONGEST_MESSAGE])) if isinstance(text, str) else ""


def _objects(body: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name in _NAMED_OBJECTS:
        value = body.get(name)
        identifier = value.get("id") if isinstance(value, Mapping) else value
        if isinstance(identifier, str) and _ID.fullmatch(identifier):
            found[name] = identifier
    return found


def _short(value: Any) -> str | None:
    return redact(value) if isinstance(value, str) and _CODE.fullmatch(value) else None


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    # `Retry-After` may also be a date, and a broken proxy may send `inf`.
    return min(seconds, _LONGEST_WAIT_S) if math.isfinite(seconds) and seconds >= 0 else None
