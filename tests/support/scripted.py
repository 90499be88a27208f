"""Drive a flow by hand: it must make exactly these calls, in this order, and gets these answers."""

from collections.abc import Generator
from typing import Any, TypeVar

from stripe_billing_router.core.calls import (
    CallFailedError,
    Failure,
    FailureKind,
    Reply,
    StripeCall,
)

# Stripe's JSON of a 2xx, or a definite failure.
Answer = dict[str, Any] | Failure
T = TypeVar("T")

DECLINED = Failure(FailureKind.DECLINED, "Your card was declined", 402, "card_declined")
REJECTED = Failure(FailureKind.INVALID, "No such price", 400, "resource_missing")
GONE = Failure(FailureKind.NOT_FOUND, "No such object", 404, "resource_missing")
FORBIDDEN = Failure(FailureKind.PERMISSION, "The key lacks a permission", 403)


def play(
    flow: Generator[StripeCall, Reply, T], *exchanges: tuple[StripeCall, Answer]
) -> T:  # or what the flow raises once the last answer is in
    """Return what a flow comes to; fail where it makes other calls than these."""
    answer: Answer | None = None
    for expected, next_answer in exchanges:
        try:
            call = _advance(flow, answer)
        except StopIteration as done:
            raise AssertionError(f"it came to {done.value} before {expected}") from None
        except Exception as problem:
            raise AssertionError(f"it raised {problem!r} before {expected}") from problem
        assert call == expected
        answer = next_answer
    try:
        call = _advance(flow, answer)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError(f"it went on with {call}")


def _advance(flow: Generator[StripeCall, Reply, Any], answer: Answer | None) -> StripeCall:
    if answer is None:
        return next(flow)
    if isinstance(answer, Failure):
        return flow.throw(CallFailedError(answer))
    return flow.send(Reply.of(answer))
