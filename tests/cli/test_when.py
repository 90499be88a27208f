"""Times as a person writes them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_billing_router.cli.when import clock, day, full, parse_when

NOW_MS = 1_782_907_200_123  # 2026-07-01 12:00:00.123 UTC
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("2026-07-01", NOW_MS - 12 * HOUR_MS - 123),
        ("2026-07-01T12:00", NOW_MS - 123),
        ("2026-07-01 12:00:00", NOW_MS - 123),
        ("2026-07-01T12:00:00.123", NOW_MS),
        ("2026-07-01T12:00Z", NOW_MS - 123),
        ("2026-07-01T12:00+02:00", NOW_MS - 123 - 2 * HOUR_MS),
        ("90m", NOW_MS - 90 * 60_000),
        ("24h", NOW_MS - 24 * HOUR_MS),
        ("7d", NOW_MS - 7 * 24 * HOUR_MS),
        ("2w", NOW_MS - 14 * 24 * HOUR_MS),
    ],
)
def test_dates_times_and_spans_are_understood(text: str, expected_ms: int) -> None:
    assert parse_when(text, NOW_MS) == expected_ms


@pytest.mark.parametrize(
    "text",
    ["", " ", "yesterday", "0h", "-1d", "24", "24H", "1.5h", "2026-13-01", "2026-07-01T25:00",
     "9999999d", "\u0661d", "1h1m", "2026-07-01T12:00+25:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ValueError, match="2026-07-01"):
        parse_when(text, NOW_MS)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_what_is_shown_can_be_written(moment: datetime) -> None:
    whole_ms = int(moment.timestamp()) * 1000
    assert parse_when(full(whole_ms), NOW_MS) == whole_ms
    assert full(whole_ms) == f"{day(whole_ms)} {clock(whole_ms)}"


@pytest.mark.parametrize("timestamp_ms", [-(10**15), 10**18, -1, 0])
def test_a_time_outside_the_calendar_is_shown_all_the_same(timestamp_ms: int) -> None:
    assert full(timestamp_ms)
