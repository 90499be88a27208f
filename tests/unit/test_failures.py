"""Which error a bot sees for which failure, and what it may believe about the money."""

import pytest

from stripe_billing_router.domain.calls import Effect, Failure, FailureKind
from stripe_billing_router.domain.failures import public_error
from stripe_billing_router.domain.outcomes import effect_of
from stripe_billing_router.errors import (
    BillingError,
    InvalidKeyError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RateLimitedError,
    RequestRejectedError,
    StripeUnavailableError,
)

EXPECTED: dict[FailureKind, type[BillingError]] = {
    FailureKind.NOT_SENT: StripeUnavailableError,
    FailureKind.CONNECTION: StripeUnavailableError,
    FailureKind.MALFORMED: StripeUnavailableError,
    FailureKind.AUTHENTICATION: InvalidKeyError,
    FailureKind.PERMISSION: RequestRejectedError,
    FailureKind.NOT_FOUND: RequestRejectedError,
    FailureKind.INVALID: RequestRejectedError,
    FailureKind.IDEMPOTENCY: RequestRejectedError,
    FailureKind.DECLINED: PaymentDeclinedError,
    FailureKind.CONFLICT: StripeUnavailableError,
    FailureKind.RATE_LIMITED: RateLimitedError,
    FailureKind.SERVER: StripeUnavailableError,
    FailureKind.OTHER: StripeUnavailableError,
}


@pytest.mark.parametrize("kind", FailureKind)
def test_without_effect_the_kind_decides(kind: FailureKind) -> None:
    error = public_error(Failure(kind), Effect.NONE, action="charge")
    assert type(error) is EXPECTED[kind]
    assert error.money_moved == "no"
    assert error.retryable == (EXPECTED[kind] in {StripeUnavailableError, RateLimitedError})
    assert "charge" in str(error)


@pytest.mark.parametrize("kind", FailureKind)
def test_an_unknown_effect_is_told_whatever_was_seen(kind: FailureKind) -> None:
    error = public_error(Failure(kind), Effect.UNKNOWN, action="refund")
    assert type(error) is OutcomeUnknownError
    assert error.money_moved == "unknown"
    assert error.retryable
    assert "same idempotency key" in str(error)


def test_a_decline_is_one_also_where_another_kind_carries_it() -> None:
    error = public_error(Failure(FailureKind.OTHER), Effect.DECLINED, action="charge")
    assert type(error) is PaymentDeclinedError
    assert error.money_moved == "no"


@pytest.mark.parametrize("kind", FailureKind)
def test_nothing_is_called_without_effect_that_is_not(kind: FailureKind) -> None:
    """A write's failure that may have had an effect is never told as `no`."""
    failure = Failure(kind)
    error = public_error(failure, effect_of(failure, earlier_send_unknown=True), action="charge")
    assert error.money_moved == ("no" if kind is FailureKind.DECLINED else "unknown")


def test_stripes_own_words_and_codes_are_kept() -> None:
    failure = Failure(
        FailureKind.DECLINED,
        message="Your card has insufficient funds.",
        http_status=402,
        stripe_code="card_declined",
        decline_code="insufficient_funds",
        request_id="req_1",
        param="payment_method",
    )
    error = public_error(
        failure, Effect.DECLINED, action="charge", operation_id="op_1", idempotency_key="order-1"
    )
    assert isinstance(error, PaymentDeclinedError)
    assert error.stripe_code == "card_declined"
    assert error.decline_code == "insufficient_funds"
    assert (error.request_id, error.http_status) == ("req_1", 402)
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-1")
    assert error.details["param"] == "payment_method"
    assert "(insufficient_funds: Your card has insufficient funds)" in str(error)


def test_without_words_of_stripes_there_are_no_empty_brackets() -> None:
    for effect in Effect:
        assert "()" not in str(public_error(Failure(FailureKind.SERVER), effect, action="charge"))
        only_code = Failure(FailureKind.INVALID, stripe_code="resource_missing")
        assert "(resource_missing)" in str(public_error(only_code, effect, action="charge"))
