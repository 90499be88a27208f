"""The idempotency layer keeps every sentence that Stripe documents about it."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import StripeSandbox

Pay = Callable[..., Any]


def test_the_same_key_gets_the_same_answer_and_pays_once(pay: Pay, sandbox: StripeSandbox) -> None:
    first, second = pay("k"), pay("k")
    assert first.id == second.id
    assert sandbox.captured_minor() == 1000
    headers = second.last_response.headers
    assert headers["Idempotent-Replayed"] == "true"
    assert headers["Idempotency-Key"] == "k"
    assert headers["original-request"] == first.last_response.request_id
    assert second.last_response.request_id != first.last_response.request_id
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert [record.replayed for record in sandbox.requests] == [False, True]


def test_the_replay_is_of_the_answer_then_not_of_the_object_now(
    pay: Pay, client: stripe.StripeClient
) -> None:
    first = pay("k", expand=["latest_charge"])
    client.v1.refunds.create({"payment_intent": first.id})
    assert pay("k", expand=["latest_charge"]).latest_charge.amount_refunded == 0


def test_a_decline_is_saved_too(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.add_payment_method("pm_mine", "insufficient_funds")
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            pay("k", payment_method="pm_mine")
        sandbox.add_payment_method("pm_mine")  # The card works now; the key does not know.
    assert pay("k2", payment_method="pm_mine").status == "succeeded"


def test_the_same_key_with_other_parameters_is_an_error(pay: Pay) -> None:
    pay("k")
    with pytest.raises(stripe.IdempotencyError) as caught:
        pay("k", amount=1001)
    assert caught.value.http_status == 400


def test_the_same_key_at_another_endpoint_is_an_error(
    pay: Pay, client: stripe.StripeClient
) -> None:
    intent = pay("k")
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.refunds.create({"payment_intent": intent.id}, {"idempotency_key": "k"})


def test_refused_parameters_are_not_saved(pay: Pay) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        pay("k", amount=0)
    assert pay("k").status == "succeeded"


def test_what_an_endpoint_refused_is_saved(pay: Pay, sandbox: StripeSandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        pay("k", customer="cus_new")
    sandbox.add_customer("cus_new")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        pay("k", customer="cus_new")
    assert caught.value.headers is not None
    assert caught.value.headers["Idempotent-Replayed"] == "true"


def test_401_and_429_are_not_saved(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.rate_limit(retry_after=3)
    with pytest.raises(stripe.RateLimitError) as limited:
        pay("k")
    assert limited.value.headers is not None
    assert limited.value.headers["Retry-After"] == "3"
    sandbox.revoke("sk_live_sandboxfake")
    with pytest.raises(stripe.AuthenticationError):
        pay("k")
    assert sandbox.payment_intents == {}


def test_a_concurrent_use_is_409_and_afterwards_replays(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.delay(60)
    results: list[Any] = []
    first = threading.Thread(target=lambda: results.append(pay("k")))
    first.start()
    while not any(record.account for record in sandbox.requests):
        time.sleep(0.001)  # It has not been let in yet.
    with pytest.raises(stripe.APIError) as caught:
        pay("k")
    error: Any = caught.value.error
    assert (caught.value.http_status, error.code) == (409, "idempotency_key_in_use")
    sandbox.faults.clear()
    first.join()
    assert pay("k").id == results[0].id
    assert len(sandbox.effects()) == 1


def test_a_key_is_forgotten_after_24_hours_and_pays_again(pay: Pay, sandbox: StripeSandbox) -> None:
    """The reason why an old key must never be sent again."""
    first = pay("k")
    sandbox.advance(hours=23, seconds=3599)
    assert pay("k").id == first.id
    sandbox.advance(seconds=2)
    assert pay("k").id != first.id
    assert sandbox.captured_minor() == 2000


def test_keys_belong_to_an_account(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.add_account("acct_other", key="sk_live_otherfake")
    other = stripe.StripeClient("sk_live_otherfake", http_client=sandbox.http_client())
    first = pay("k")
    second = other.v1.payment_intents.create(
        {"amount": 5, "currency": "usd"}, {"idempotency_key": "k"}
    )
    assert first.id != second.id


def test_reads_and_deletions_know_no_keys(
    client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    options: Any = {"idempotency_key": "k"}
    client.v1.customers.delete("cus_x", {}, options)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.delete("cus_x", {}, options)
    assert caught.value.http_status == 404


def test_a_key_that_is_too_long_is_refused(pay: Pay) -> None:
    assert pay("k" * 255).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        pay("k" * 256)


def test_fifty_threads_with_one_key_pay_once(pay: Pay, sandbox: StripeSandbox) -> None:
    ids: list[str] = []

    def attempt() -> None:
        ids.append(pay("k").id)

    threads = [threading.Thread(target=attempt) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1
    assert len(ids) == 50
    assert sandbox.captured_minor() == 1000
