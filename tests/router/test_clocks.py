"""A clock that is not Stripe's: told early, and refused before a key's age misleads anybody."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from stripe_billing_router import BillingRouter, ConfigurationError, OutcomeUnknownError
from stripe_billing_router.core.operation import State
from stripe_billing_router.testing import SandboxResponse, StripeSandbox
from stripe_billing_router.testing.http_client import http_client_for
from support.platform import BOT, Platform


def turn(router: BillingRouter, *, minutes: float) -> BillingRouter:
    """Set a router's clock by so much, which nothing public can."""
    around = router._parts.runtime
    real = around.now_ms
    object.__setattr__(around, "now_ms", lambda: real() + int(minutes * 60_000))
    return router


def turned(platform: Platform, *, minutes: float, **settings: Any) -> BillingRouter:
    """Return the router of a new process on a host whose clock is off."""
    router = turn(platform.another_router(**settings), minutes=minutes)
    router.register_alert_sink(lambda *alert: platform.alerts.append(alert))
    return router


class Redated:
    """The sandbox's service, with another `Date`."""

    def __init__(self, sandbox: StripeSandbox, date: Mapping[str, str]) -> None:
        self._sandbox = sandbox
        self._date = date

    def handle(self, *request: Any) -> SandboxResponse:
        answer = self._sandbox.handle(*request)
        answer.headers.pop("Date")
        answer.headers.update(self._date)
        return answer


@pytest.mark.parametrize("minutes", [-29, -4, 4, 29])
def test_a_clock_that_is_a_little_off_stops_nobody_and_is_told_once(
    platform: Platform, minutes: float
) -> None:
    router = turned(platform, minutes=minutes)
    assert router.charge(BOT, 10).paid
    assert router.charge(BOT, 10).paid
    assert [kind for kind, *_ in platform.alerts] == ["clock_skew"] * (abs(minutes) > 5)


@pytest.mark.parametrize("minutes", [-72 * 60, -31, 31, 72 * 60])
@pytest.mark.parametrize("keyed", [True, False])
def test_one_that_is_far_off_sends_nothing_until_it_is_set(
    platform: Platform, minutes: float, *, keyed: bool
) -> None:
    router = turned(platform, minutes=minutes)
    key = "order-1" if keyed else None
    platform.mark()
    for _ in range(2):
        with pytest.raises(ConfigurationError) as refused:
            router.charge(BOT, 10, idempotency_key=key)
        assert (refused.value.money_moved, refused.value.retryable) == ("no", False)
    assert set(platform.paths) == {"GET /v1/account"}
    assert platform.operation().state is State.FAILED
    assert [kind for kind, *_ in platform.alerts] == ["clock_skew"]
    turn(router, minutes=-minutes)
    assert router.charge(BOT, 10, idempotency_key=key).paid
    assert platform.sandbox.captured_minor() == 1000


def test_a_clock_that_is_off_again_is_told_again_whichever_key_is_used_by_then(
    platform: Platform,
) -> None:
    router = turned(platform, minutes=10)
    router.charge(BOT, 10)
    router.close()  # The next use opens another way to Stripe, as a newer key does.
    turn(router, minutes=-10)
    router.charge(BOT, 10)
    turn(router, minutes=10)
    router.charge(BOT, 10)
    assert [kind for kind, *_ in platform.alerts] == ["clock_skew"] * 2


@pytest.mark.parametrize("date", [{}, {"Date": "soon"}])
def test_an_answer_without_a_date_stops_nobody(platform: Platform, date: dict[str, str]) -> None:
    client = http_client_for(cast("Any", Redated(platform.sandbox, date)))
    assert turned(platform, minutes=600, http_client=client).charge(BOT, 10).paid
    assert platform.alerts == []


def test_what_was_paid_stands_and_the_next_call_is_refused(platform: Platform) -> None:
    """The clock jumps while the process runs."""
    platform.router.charge(BOT, 10)
    turn(platform.router, minutes=120)
    assert platform.router.charge(BOT, 10, idempotency_key="order-1").paid
    with pytest.raises(ConfigurationError):
        platform.router.charge(BOT, 10)
    assert platform.router.charge(BOT, 10, idempotency_key="order-1").replayed
    assert platform.sandbox.captured_minor() == 2000


def test_a_key_that_stripe_has_forgotten_is_not_sent_by_a_host_that_thinks_it_is_young(
    platform: Platform,
) -> None:
    platform.sandbox.faults.lose_reply(method="POST", times=None)
    with pytest.raises(OutcomeUnknownError):
        platform.router.charge(BOT, 10, idempotency_key="order-1")
    platform.sandbox.faults.clear()
    platform.sandbox.advance(hours=25)
    behind = turned(platform, minutes=60)
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError, match="behind Stripe's"):
            behind.charge(BOT, 10, idempotency_key="order-1")
    assert platform.operation().state is State.UNKNOWN
    assert platform.sandbox.captured_minor() == 1000
    right = turned(platform, minutes=25 * 60)
    assert right.charge(BOT, 10, idempotency_key="order-1").paid
    assert platform.sandbox.captured_minor() == 1000
