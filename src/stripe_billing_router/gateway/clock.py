"""The way to Stripe with a clock check: each answer's date is compared with this host's clock."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import mktime_tz, parsedate_tz
from typing import Final

from ..core.calls import Reply, StripeCall
from ..core.ports import Alert, ClosableGateway, Runtime
from ..domain.resend import ALARMING_SKEW_MS, MISLEADING_SKEW_MS
from ..errors import ConfigurationError

_SKEW: Final = "clock_skew"  # a lasting condition, alerted once


class ClockCheckedGateway:
    """Refuses to verify a key while this host's clock is too far off; never hides a payment.

    Answers to all other calls are passed on, whatever their date. `distrust` then has the key, and
    so the clock, verified again before the next operation.
    """

    def __init__(
        self,
        gateway: ClosableGateway,
        runtime: Runtime,
        alert: Alert,
        distrust: Callable[[], None],
    ) -> None:
        self._gateway = gateway
        self._runtime = runtime
        self._alert = alert
        self._distrust = distrust
        # The gateway of the previous key may have sent the alert.
        self._is_alarmed = True

    def send(self, call: StripeCall, *, idempotency_key: str | None) -> Reply:
        """Make one request; see `Gateway.send`.

        Raises `ConfigurationError` when a host that cannot know a key's age verifies the key.
        """
        reply = self._gateway.send(call, idempotency_key=idempotency_key)
        ahead_s = clock_ahead_s(reply, self._runtime.now_ms())
        if ahead_s is None:
            return reply
        self._report(ahead_s)
        if abs(ahead_s) > MISLEADING_SKEW_MS / 1000:
            if call.method == "accounts.retrieve_current":
                raise ConfigurationError(
                    f"{_capital(described(ahead_s))}, so the age of an idempotency key cannot be "
                    "judged, and nothing was sent",
                    "Set the clock (NTP), then call again with the same key.",
                    clock_ahead_s=ahead_s,
                )
            self._distrust()
        return reply

    def close(self) -> None:
        """Close the connections."""
        self._gateway.close()

    def _report(self, ahead_s: float) -> None:
        if abs(ahead_s) > ALARMING_SKEW_MS / 1000:
            self._is_alarmed = True
            self._alert(
                "clock_skew",
                "error",
                f"{_capital(described(ahead_s))}. Beyond {MISLEADING_SKEW_MS / 60_000:.0f} minutes "
                "no operation begins. Set the clock (NTP).",
                {"clock_ahead_s": round(ahead_s)},
                once_key=_SKEW,
            )
        elif self._is_alarmed:
            self._is_alarmed = False
            self._alert.over(_SKEW)


def clock_ahead_s(reply: Reply, now_ms: int) -> float | None:
    """Return by how many seconds this host is ahead of Stripe (negative: behind it).

    None if the answer has no usable date: that is no reason to stop a bot.
    """
    try:
        date = parsedate_tz(reply.headers.get("date", ""))
        return None if date is None else now_ms / 1000 - mktime_tz(date)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def described(ahead_s: float) -> str:
    """Describe it, such as `this host's clock is 12 minutes behind Stripe's`."""
    side = "ahead of" if ahead_s > 0 else "behind"
    return f"this host's clock is {abs(ahead_s) / 60:.0f} minutes {side} Stripe's"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
