"""The sandbox's own world: a clock that can jump, and seeded ids."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable

_ALPHABET = string.digits + string.ascii_letters


class World:
    """A clock and a source of ids. The same seed gives the same ids in the same order.

    Args:
        clock: returns the time in seconds since the epoch.
        seed: for the random ids.
    """

    def __init__(self, clock: Callable[[], float] = time.time, seed: int = 0) -> None:
        self._clock = clock
        self._jumped_s = 0.0
        self._random = random.Random(seed)  # noqa: S311 - Ids of a sandbox guard nothing.

    def now(self) -> float:
        """Return the sandbox's time, in seconds since the epoch."""
        return self._clock() + self._jumped_s

    def advance(self, seconds: float) -> None:
        """Move the clock forward without waiting."""
        self._jumped_s += seconds

    def text(self, length: int) -> str:
        """Return random letters and digits."""
        return "".join(self._random.choices(_ALPHABET, k=length))

    def id(self, prefix: str) -> str:
        """Return a new id of Stripe's form, such as `pi_3…` for the prefix `pi_3`."""
        return prefix + self.text(23)
