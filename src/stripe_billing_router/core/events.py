"""The stream of what happens in a router, for those who want to know: caches now, telemetry too.

A listener is called in the thread of the call, so it must be quick, and must not raise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .calls import StripeCall
from .clean_json import CleanJson

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Replied:
    """Stripe answered a call, and the flow that made it accepts the answer; without secrets."""

    call: StripeCall
    body: CleanJson


@dataclass(frozen=True, slots=True)
class Declined:
    """A payment of this customer was declined."""

    customer_id: str | None


class Events:
    """Hands each event to those who listen to its type, in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: dict[type, tuple[Callable[[Any], object], ...]] = {}

    def subscribe(self, kind: type[E], listener: Callable[[E], object]) -> None:
        """Have `listener` called with each event of this type from now on."""
        self._listeners[kind] = (*self._listeners.get(kind, ()), listener)

    def publish(self, event: object) -> None:
        """Hand one event to its listeners."""
        for listener in self._listeners.get(type(event), ()):
            listener(event)
