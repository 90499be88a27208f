"""The error that a caller gets for a failed call, and what it says about the money."""

from __future__ import annotations

from typing import Any, Final

from ..core.calls import Failure, FailureKind, WriteEffect
from ..core.operation import Operation
from ..errors import (
    BillingError,
    InvalidKeyError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RateLimitedError,
    RequestRejectedError,
    StripeUnavailableError,
)

# How each kind reads in the middle of a sentence.
_SEEN: Final = {
    FailureKind.NOT_SENT: "Stripe could not be reached",
    FailureKind.CONNECTION: "the connection ended before Stripe's answer was complete",
    FailureKind.MALFORMED: "Stripe's answer could not be read",
    FailureKind.AUTHENTICATION: "Stripe does not accept the secret key",
    FailureKind.PERMISSION: "the key lacks a permission",
    FailureKind.NOT_FOUND: "Stripe has no such object",
    FailureKind.INVALID: "Stripe refused the request",
    FailureKind.IDEMPOTENCY: "Stripe knows this step's key from another request",
    FailureKind.DECLINED: "the payment was declined",
    FailureKind.CONFLICT: "another request for it is in progress",
    FailureKind.RATE_LIMITED: "Stripe is limiting requests",
    FailureKind.SERVER: "Stripe had a fault of its own",
    FailureKind.OTHER: "Stripe gave an answer that is not recognised",
}

_REJECTED: Final = frozenset(
    {FailureKind.PERMISSION, FailureKind.NOT_FOUND, FailureKind.INVALID, FailureKind.IDEMPOTENCY}
)


def error_of(operation: Operation, failure: Failure, effect: WriteEffect) -> BillingError:
    """Return the error that a caller gets for a failed call of this operation."""
    return public_error(
        failure,
        effect,
        action=operation.action.replace("_", " "),
        operation_id=operation.operation_id,
        idempotency_key=operation.idempotency_key,
    )


def public_error(
    failure: Failure,
    effect: WriteEffect,
    *,
    action: str,
    operation_id: str | None = None,
    idempotency_key: str | None = None,
) -> BillingError:
    """Return the error to raise for a call that failed and had `effect`.

    `effect` decides first: while it is unknown, nothing else about the failure matters to a caller.
    For a read it is always `WriteEffect.NONE`.
    """
    facts: dict[str, Any] = {
        "operation_id": operation_id,
        "idempotency_key": idempotency_key,
        "stripe_code": failure.stripe_code,
        "decline_code": failure.decline_code,
        "param": failure.param,
        "request_id": failure.request_id,
        "http_status": failure.http_status,
        "objects": dict(failure.objects),
    }
    if effect is WriteEffect.UNKNOWN:
        return OutcomeUnknownError(
            f"Whether the {action} took effect is not known: {_cause(failure)}",
            "Call again with the same idempotency key: that continues this operation and never "
            "pays twice.",
            money_moved="unknown",
            **facts,
        )
    if effect is WriteEffect.DECLINED or failure.kind is FailureKind.DECLINED:
        return PaymentDeclinedError(
            f"The {action} was declined{_reason(failure)}",
            "Use another payment method, or ask the customer to contact their bank.",
            **facts,
        )
    return _without_effect(failure, action, facts)


def _without_effect(failure: Failure, action: str, facts: dict[str, Any]) -> BillingError:
    problem = f"The {action} was not carried out: {_cause(failure)}"
    if failure.kind is FailureKind.AUTHENTICATION:
        return InvalidKeyError(
            problem,
            "Replace the secret key where the router reads it. It may have been rolled.",
            **facts,
        )
    if failure.kind is FailureKind.RATE_LIMITED:
        return RateLimitedError(problem, "Call again later, and less often.", **facts)
    if failure.kind in _REJECTED:
        return RequestRejectedError(
            problem, "Correct the call. Stripe will reject the same one again.", **facts
        )
    return StripeUnavailableError(problem, "Call again later.", **facts)


def _cause(failure: Failure) -> str:
    if failure.kind is FailureKind.OTHER and failure.message and not failure.stripe_code:
        return failure.message.removesuffix(".")  # our own words
    return f"{_SEEN[failure.kind]}{_reason(failure)}"


def _reason(failure: Failure) -> str:
    """Return Stripe's code and message in brackets, if there are any."""
    code = failure.decline_code or failure.stripe_code
    message = failure.message.removesuffix(".")
    said = ": ".join(part for part in (code, message) if part)
    return f" ({said})" if said else ""
