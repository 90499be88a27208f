"""How long the call of a helper may still take: known to all code below it, never passed on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ends_s: ContextVar[float | None] = ContextVar("stripe_billing_router_deadline", default=None)

# What one request gets although the time is up, so that what is partially created can be removed.
LEAST_S: Final = 1.0


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound what is done inside to `seconds` from now."""
    token = _ends_s.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_s.reset(token)


def remaining_s() -> float | None:
    """Return the seconds that are left, negative when it is over; None where nothing bounds it."""
    ends_s = _ends_s.get()
    return None if ends_s is None else ends_s - time.monotonic()


def bounded_s(*timeouts_s: float) -> tuple[float, ...]:
    """Return time-outs for one request: each its own, or what is left if that is less."""
    ends_s = _ends_s.get()
    if ends_s is None:
        return timeouts_s
    left_s = max(ends_s - time.monotonic(), LEAST_S)
    return tuple([min(timeout_s, left_s) for timeout_s in timeouts_s])
