"""The data on both sides of the seam to Stripe."""

import pytest

from stripe_billing_router.core.calls import (
    CallFailedError,
    Failure,
    FailureKind,
    Reply,
    StripeCall,
    WriteEffect,
)
from stripe_billing_router.gateway.methods import METHODS


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_call_writes_unless_it_is_a_get(method: str) -> None:
    assert StripeCall("step", method).writes is (METHODS[method].verb != "get")


def test_a_call_has_no_parameters_and_no_target_of_its_own() -> None:
    call = StripeCall("balance", "balance.retrieve")
    assert (call.params, call.target) == ({}, None)


@pytest.mark.parametrize("name", [*FailureKind, *WriteEffect])
def test_a_kind_is_stored_by_its_name_in_lower_case(name: FailureKind | WriteEffect) -> None:
    """Journals of earlier versions hold these names."""
    assert name.value == name.name.lower()


def test_the_request_id_is_stripes_or_none() -> None:
    assert Reply.of({}, {"request-id": "req_1"}).request_id == "req_1"
    assert Reply.of({}).request_id is None


def test_a_reply_does_not_print_what_stripe_sent() -> None:
    reply = Reply.of({"client_secret": "pi_1_secret_2"}, {"request-id": "req_1"})
    assert "secret" not in repr(reply)
    assert "req_1" not in repr(reply)


def test_a_failed_call_says_how_and_keeps_the_facts() -> None:
    failure = Failure(FailureKind.DECLINED, "no funds", 402)
    error = CallFailedError(failure)
    assert (str(error), error.failure) == ("declined", failure)
