"""Points in time as a person writes and reads them; everything is UTC unless a zone is named."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_AGO: Final = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

FORMS: Final = "2026-07-01, 2026-07-01T12:30+02:00, 24h or 7d"


def parse_when(text: str, now_ms: int) -> int:
    """Return a time in milliseconds since 1970.

    `text` is an ISO date (its midnight) or date and time, in UTC unless it names a zone, or a span
    before `now_ms`: a number and `m`, `h`, `d` or `w`. Raises ValueError that says so.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        span = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return now_ms - int(span.total_seconds()) * 1000
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time; write it like {FORMS}") from None


def moment(timestamp_ms: int) -> datetime:
    """Return a stored time in UTC; the nearest that can be shown, for one that cannot."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return (
            datetime.max.replace(tzinfo=UTC) if timestamp_ms > 0 else datetime(1, 1, 1, tzinfo=UTC)
        )


def day(timestamp_ms: int) -> date:
    """Return the day of a stored time, in UTC."""
    return moment(timestamp_ms).date()


def clock(timestamp_ms: int) -> str:
    """Return the time of day, in UTC, to the second."""
    return moment(timestamp_ms).strftime("%H:%M:%S")


def full(timestamp_ms: int) -> str:
    """Return date and time, in UTC, to the second."""
    return moment(timestamp_ms).strftime("%Y-%m-%d %H:%M:%S")
