"""Which error a caller sees for a failed call, and what it says about the money."""

import pytest

from stripe_billing_router.core.calls import Failure, FailureKind, WriteEffect
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

WITHOUT_EFFECT: dict[FailureKind, type[BillingError]] = {
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
every_kind = pytest.mark.parametrize("kind", list(FailureKind))


@every_kind
def test_without_an_effect_the_failure_names_the_error(kind: FailureKind) -> None:
    error = public_error(Failure(kind), WriteEffect.NONE, action="charge")
    assert type(error) is WITHOUT_EFFECT[kind]
    assert error.money_moved == "no"
    assert error.retryable is (type(error) in (StripeUnavailableError, RateLimitedError))


@every_kind
def test_an_unknown_effect_outweighs_everything_else(kind: FailureKind) -> None:
    error = public_error(Failure(kind), WriteEffect.UNKNOWN, action="charge")
    assert type(error) is OutcomeUnknownError
    assert (error.money_moved, error.retryable) == ("unknown", True)
    assert "idempotency key" in str(error)


@every_kind
def test_what_may_have_had_an_effect_is_never_told_as_without_one(kind: FailureKind) -> None:
    failure = Failure(kind)
    error = public_error(failure, effect_of(failure, earlier_send_unknown=True), action="charge")
    assert error.money_moved == ("no" if kind is FailureKind.DECLINED else "unknown")


def test_a_decline_is_a_decline_by_its_effect_alone() -> None:
    error = public_error(Failure(FailureKind.OTHER), WriteEffect.DECLINED, action="charge")
    assert type(error) is PaymentDeclinedError
    assert error.money_moved == "no"


@pytest.mark.parametrize("effect", list(WriteEffect))
def test_every_fact_reaches_the_caller_and_none_of_it_is_a_body(effect: WriteEffect) -> None:
    failure = Failure(
        FailureKind.DECLINED,
        "Your card was declined.",
        402,
        "card_declined",
        "insufficient_funds",
        "payment_method",
        "req_1",
        {"payment_intent": "pi_1"},
    )
    error = public_error(
        failure, effect, action="charge", operation_id="op_1", idempotency_key="order-1"
    )
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-1")
    assert error.details == {
        "stripe_code": "card_declined",
        "decline_code": "insufficient_funds",
        "param": "payment_method",
        "request_id": "req_1",
        "http_status": 402,
        "objects": {"payment_intent": "pi_1"},
    }


@pytest.mark.parametrize(
    "kind", [FailureKind.AUTHENTICATION, FailureKind.RATE_LIMITED, FailureKind.INVALID,
             FailureKind.SERVER],
)  # fmt: skip
def test_errors_without_an_effect_name_their_operation_too(kind: FailureKind) -> None:
    failure = Failure(kind, stripe_code="some_code")
    error = public_error(
        failure, WriteEffect.NONE, action="charge", operation_id="op_1", idempotency_key="order-1"
    )
    assert (error.operation_id, error.idempotency_key) == ("op_1", "order-1")
    assert error.details["stripe_code"] == "some_code"


@every_kind
@pytest.mark.parametrize("effect", list(WriteEffect))
def test_an_error_names_the_action_and_stripes_own_words_once(
    kind: FailureKind, effect: WriteEffect
) -> None:
    failure = Failure(kind, "Stripe's sentence.", stripe_code="its_code")
    said = str(public_error(failure, effect, action="checkout session"))
    assert "checkout session" in said
    assert said.count("its_code") == said.count("Stripe's sentence") == 1


def test_the_issuers_code_says_more_than_stripes() -> None:
    failure = Failure(
        FailureKind.DECLINED, stripe_code="card_declined", decline_code="insufficient_funds"
    )
    said = str(public_error(failure, WriteEffect.DECLINED, action="charge"))
    assert "insufficient_funds" in said
    assert "card_declined" not in said


@pytest.mark.parametrize("effect", list(WriteEffect))
def test_a_code_alone_is_shown_without_a_colon(effect: WriteEffect) -> None:
    failure = Failure(FailureKind.INVALID, stripe_code="resource_missing")
    said = str(public_error(failure, effect, action="charge"))
    assert "resource_missing" in said
    assert "resource_missing:" not in said


def test_no_empty_brackets_where_stripe_gave_no_words() -> None:
    said = str(public_error(Failure(FailureKind.OTHER), WriteEffect.NONE, action="charge"))
    assert "charge" in said
    assert "()" not in said


def test_what_a_failure_of_no_known_kind_says_is_the_cause() -> None:
    failure = Failure(FailureKind.OTHER, "this process was held up for too long")
    error = public_error(failure, WriteEffect.UNKNOWN, action="charge")
    assert error.problem.endswith(f": {failure.message}")
