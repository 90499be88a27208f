"""Rows that nobody should write, and what they may do to the rows of others."""

from __future__ import annotations

from typing import Any

import pytest

from stripe_billing_router import InputError
from stripe_billing_router.billing_logger import log_event
from support.platform import BOT, SECRET_KEY, Platform


def _holding_itself() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = value
    return value


@pytest.mark.parametrize(
    "columns",
    [
        {"timestamp_ms": "1"},
        {"timestamp_ms": 1.5},
        {"timestamp_ms": True},
        {"timestamp_ms": 10**30},
        {"amount": "1e999999"},
        {"amount": "1e-999999"},
        {"currency": 5},
        {"user_email": 5},
        {"bot_id": ["finance:bot"]},
        {"destination_account": object()},
        {"error": "no"},
        {"id": 5},
        {"raw_event_json": _holding_itself()},
        {"raw_event_json": "[" * 100_000},
    ],
    ids="-".join,
)
def test_a_row_that_no_column_can_hold_is_refused_and_leaves_no_trace(
    platform: Platform, columns: dict[str, Any]
) -> None:
    with pytest.raises(InputError):
        log_event(action_type="note", writer=platform.router.log, **columns)

    platform.router.charge(BOT, 10)
    assert platform.kinds == [("charge", 0)]
    row = platform.rows[0]
    assert row.id.startswith(f"led_{row.timestamp_ms:012x}")
    assert platform.alerts == []


def test_a_row_dated_into_the_future_does_not_carry_later_rows_along(platform: Platform) -> None:
    log_event(action_type="note", timestamp_ms=2**52, writer=platform.router.log)
    platform.router.charge(BOT, 10)
    assert [row.action_type for row in platform.rows] == ["charge", "note"]


def test_no_column_shows_a_key(platform: Platform) -> None:
    log_event(
        action_type=SECRET_KEY,
        currency=SECRET_KEY,
        user_email=SECRET_KEY,
        bot_id=SECRET_KEY,
        destination_account=SECRET_KEY,
        raw_event_json={SECRET_KEY: SECRET_KEY},
        writer=platform.router.log,
    )
    assert SECRET_KEY.lower() not in str(platform.rows).lower()
