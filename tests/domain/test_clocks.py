"""By how much a host's clock differs from Stripe's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.core.calls import Reply
from stripe_billing_router.domain.resend import ALARMING_SKEW_MS, MISLEADING_SKEW_MS
from stripe_billing_router.gateway.clock import clock_ahead_s, described

NOON = "Mon, 23 Nov 2026 12:00:00 GMT"
NOON_MS = 1_795_435_200_000


@pytest.mark.parametrize(
    ("date", "now_ms", "ahead_s"),
    [
        (NOON, NOON_MS, 0),
        (NOON, NOON_MS + 90_500, 90.5),
        (NOON, NOON_MS - 3_600_000, -3600),
        ("Mon, 23 Nov 2026 13:00:00 +0100", NOON_MS, 0),
        ("Mon, 23 Nov 2026 12:00:00", NOON_MS, 0),  # HTTP knows no other zone
        ("Monday, 23-Nov-26 12:00:00 GMT", NOON_MS, 0),  # RFC 850, which HTTP still allows
    ],
)
def test_an_answers_date_is_stripes_time(date: str, now_ms: int, ahead_s: float) -> None:
    assert clock_ahead_s(Reply.of({}, {"date": date}), now_ms) == ahead_s


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": ""},
        {"date": "soon"},
        {"date": "Mon, 99 Nov 99999999999 12:00:00 GMT"},
    ],
)
def test_a_date_that_says_nothing_is_none(headers: dict[str, str]) -> None:
    assert clock_ahead_s(Reply.of({}, headers), NOON_MS) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ GMT"))
def test_no_date_raises(date: str) -> None:
    ahead_s = clock_ahead_s(Reply.of({}, {"date": date}), NOON_MS)
    assert ahead_s is None or isinstance(ahead_s, float)


@pytest.mark.parametrize(
    ("ahead_s", "said"), [(720, "12 minutes ahead"), (-7200, "120 minutes behind")]
)
def test_it_is_said_in_minutes(ahead_s: float, said: str) -> None:
    assert said in described(ahead_s)


def test_two_hosts_together_mislead_by_no_more_than_the_hour_that_keys_are_not_trusted() -> None:
    assert 2 * MISLEADING_SKEW_MS == 3_600_000
    assert ALARMING_SKEW_MS == 300_000
