"""The ports: what the engine needs of the outside, as types that an edge or a test provides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .calls import Reply, StripeCall
from .holder import Holder

Severity = Literal["info", "warning", "error", "critical"]


class Gateway(Protocol):
    """The way to Stripe."""

    def send(self, call: StripeCall, *, idempotency_key: str | None) -> Reply:
        """Make one request; raise `CallFailedError` for anything but a good answer."""
        ...


class ClosableGateway(Gateway, Protocol):
    """A gateway that holds connections."""

    def close(self) -> None:
        """Close them."""


class Alert(Protocol):
    """Reports what an operator should know; never raises."""

    def __call__(
        self,
        kind: str,
        severity: Severity,
        message: str,
        context: Mapping[str, Any] | None = None,
        *,
        once_key: str | None = None,
    ) -> None:
        """Send one alert.

        `once_key` names a condition that lasts: while it does, only the first alert with that key
        is sent.
        """

    def over(self, once_key: str) -> None:
        """Say that such a condition has ended; it may begin again."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The clock, the process, and how to wait."""

    now_ms: Callable[[], int]
    sleep: Callable[[float], None]
    holder: Callable[[], Holder]
    is_alive: Callable[[Holder], bool]
