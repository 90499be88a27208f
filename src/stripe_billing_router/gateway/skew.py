"""By how much this host's clock differs from Stripe's, as the `Date` of an answer tells.

The age of a step's key is told by the host's clock, and a key that Stripe has forgotten pays again.
"""

from __future__ import annotations

from email.utils import mktime_tz, parsedate_tz

from ..core.calls import Reply


def clock_ahead_s(reply: Reply, now_ms: int) -> float | None:
    """Return by how many seconds this host is ahead of Stripe (negative: behind it).

    None where the answer has no date that says so: that is no reason to stop anybody.
    """
    try:
        date = parsedate_tz(reply.headers.get("date", ""))
        return None if date is None else now_ms / 1000 - mktime_tz(date)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def described(ahead_s: float) -> str:
    """Say it in words, such as `this host's clock is 12 minutes behind Stripe's`."""
    side = "ahead of" if ahead_s > 0 else "behind"
    return f"this host's clock is {abs(ahead_s) / 60:.0f} minutes {side} Stripe's"
