"""Every fault does what it says, to the requests that it names, as often as it is told."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from stripe_billing_router.testing import Fault, StripeSandbox

Pay = Callable[..., Any]


@pytest.mark.parametrize(
    ("fault", "executed", "not_sent"),
    [("lose_reply", 1, False), ("truncate", 1, False), ("refuse", 0, True)],
)
def test_faults_of_the_connection(
    pay: Pay, sandbox: StripeSandbox, fault: str, executed: int, not_sent: bool
) -> None:
    getattr(sandbox.faults, fault)()
    with pytest.raises(stripe.APIConnectionError) as caught:
        pay("k")
    error: Any = caught.value
    assert (error.not_sent, error.should_retry) == (not_sent, False)
    assert len(sandbox.effects()) == executed
    assert pay("k").status == "succeeded"
    assert len(sandbox.effects()) == 1
    assert sandbox.count("POST /v1/payment_intents") == 1 + executed
    assert [record.fault for record in sandbox.requests] == [fault, None]


def test_a_body_that_is_not_json_comes_with_200_after_the_effect(
    pay: Pay, sandbox: StripeSandbox
) -> None:
    sandbox.faults.not_json()
    with pytest.raises(stripe.APIError) as caught:
        pay("k")
    assert caught.value.http_status == 200
    assert len(sandbox.effects()) == 1


@pytest.mark.parametrize(
    ("stored", "executed", "again", "effects"),
    [
        (False, False, "succeeded", 1),  # nothing happened; the retry heals it
        (False, True, "succeeded", 1),  # it happened; the retry says so
        (True, False, "500", 0),  # the same key never heals, and nothing happened
        (True, True, "500", 1),  # the same key never heals, although it happened
    ],
)
def test_server_errors(
    pay: Pay, sandbox: StripeSandbox, stored: bool, executed: bool, again: str, effects: int
) -> None:
    sandbox.faults.server_error(stored=stored, executed=executed)

    def outcome() -> str:
        try:
            return str(pay("k").status)
        except stripe.APIError as error:
            return str(error.http_status)

    assert outcome() == "500"
    assert len(sandbox.effects()) == int(executed)
    assert [outcome(), outcome()] == [again, again]
    assert len(sandbox.effects()) == effects
    assert pay("k2").status == "succeeded"


def test_a_server_error_may_meet_a_replay_and_has_other_numbers(
    pay: Pay, sandbox: StripeSandbox
) -> None:
    first = pay("k")
    for status in (502, 503, 504, 424):
        sandbox.faults.server_error(status=status)
        with pytest.raises(stripe.APIError) as caught:
            pay("k")
        assert caught.value.http_status == status
    assert pay("k").id == first.id


def test_a_conflict_and_a_limit_execute_nothing(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.conflict()
    sandbox.faults.rate_limit()
    with pytest.raises(stripe.APIError) as conflict:
        pay("k")
    assert conflict.value.http_status == 409
    with pytest.raises(stripe.RateLimitError) as limited:
        pay("k")
    assert limited.value.headers is not None
    assert "Retry-After" not in limited.value.headers
    assert (pay("k").status, len(sandbox.effects())) == ("succeeded", 1)


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize(
    "where",
    ["header", "on_behalf_of", "transfer_data.destination", "issuer.account", "account"],
)
def test_an_answer_may_name_a_foreign_account(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox, where: str, expanded: bool
) -> None:
    sandbox.faults.foreign_account("acct_thief", where, expanded=expanded)
    intent = pay("k")
    if where == "header":
        assert intent.last_response.headers["stripe-account"] == "acct_thief"
    else:
        found: Any = intent.to_dict()
        for name in where.split("."):
            found = found[name]
        assert (found["id"] if expanded else found) == "acct_thief"
    read = client.v1.payment_intents.retrieve(intent.id)
    assert "acct_thief" not in str(read)
    assert read.last_response is not None
    assert "stripe-account" not in read.last_response.headers


def test_a_foreign_account_may_be_at_stripe_as_well(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    sandbox.faults.foreign_account("acct_thief", "transfer_data.destination", stored=True)
    intent = client.v1.payment_intents.retrieve(pay().id, {"expand": ["latest_charge"]})
    charge: Any = intent.latest_charge
    assert charge.transfer_data.destination == "acct_thief"
    client.v1.refunds.create({"payment_intent": intent.id, "reverse_transfer": True})


def test_an_answer_may_not_be_live(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.livemode()
    intent = pay(expand=["latest_charge"])
    assert (intent.livemode, intent.latest_charge.livemode) == (False, False)
    assert pay().livemode is True


def test_errors_name_no_account(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.foreign_account("acct_thief", "on_behalf_of")
    with pytest.raises(stripe.CardError) as caught:
        pay(payment_method="pm_card_chargeDeclined")
    assert "acct_thief" not in str(caught.value.json_body)


def test_faults_come_in_order_and_to_the_requests_they_name(
    pay: Pay, client: stripe.StripeClient, sandbox: StripeSandbox
) -> None:
    sandbox.faults.lose_reply(method="POST", path="/v1/payment_intents*", skip=1)
    sandbox.faults.rate_limit(path="/v1/balance", times=2)
    assert sandbox.faults.pending == 2
    pay()
    client.v1.payment_intents.list()
    with pytest.raises(stripe.APIConnectionError):
        pay()
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            client.v1.balance.retrieve()
    client.v1.balance.retrieve()
    assert sandbox.faults.pending == 0


def test_a_fault_may_last_until_it_is_cleared(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.add(Fault("refuse", times=None))
    for _ in range(3):
        with pytest.raises(stripe.APIConnectionError):
            pay()
    sandbox.faults.clear()
    pay()


def test_any_fault_may_come_late(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.lose_reply(delay_s=0.01)
    with pytest.raises(stripe.APIConnectionError):
        pay("k")
    sandbox.faults.delay(0.01)
    with pytest.raises(stripe.CardError):
        pay(payment_method="pm_card_chargeDeclined")


def test_clearing_the_faults_lets_delayed_requests_go_on(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.delay(60)
    delayed = threading.Thread(target=pay)
    delayed.start()
    while not any(record.account for record in sandbox.requests):
        time.sleep(0.001)  # It has not been let in yet.
    sandbox.faults.clear()
    delayed.join(10)
    assert not delayed.is_alive()
    assert sandbox.captured_minor() == 1000


def test_random_faults_come_from_a_seed_and_never_charge_twice(sandbox: StripeSandbox) -> None:
    """A client that keeps its key until it hears back pays once, whatever happens on the way."""

    def run(seed: int) -> list[str | None]:
        world = StripeSandbox()
        client = stripe.StripeClient("sk_live_fake", http_client=world.http_client())
        world.faults.random(seed, rate=0.5, path="/v1/payment_intents")
        for number in range(40):
            for _attempt in range(20):
                try:
                    client.v1.payment_intents.create(
                        {
                            "amount": 100,
                            "currency": "usd",
                            "payment_method": "pm_card_visa",
                            "confirm": True,
                            "off_session": True,
                        },
                        {"idempotency_key": str(number)},
                    )
                    break
                except stripe.StripeError:
                    continue
        assert len(world.effects()) <= 40
        return [record.fault for record in world.requests]

    first = run(1)
    assert run(1) == first
    assert run(2) != first
    assert len({fault for fault in first if fault}) >= 5
    assert 0.4 < sum(fault is not None for fault in first) / len(first) < 0.6


def test_random_faults_of_chosen_kinds(pay: Pay, sandbox: StripeSandbox) -> None:
    sandbox.faults.random(3, rate=1, kinds=["delay", "livemode"])
    assert {pay().livemode for _ in range(20)} == {True, False}


def test_count_wants_a_method_and_a_path(sandbox: StripeSandbox) -> None:
    with pytest.raises(ValueError, match="method and a path"):
        sandbox.count("payment_intents")
