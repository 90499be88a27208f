"""One thread does a piece of work; those that wait for the same work share its failure."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

from ..errors import BillingError, StripeUnavailableError
from .deadline import remaining_s
from .forks import renew_after_fork


class SingleFlight:
    """Lets one thread at a time do named work. `busy` says, for an error, what takes too long."""

    def __init__(self, busy: str) -> None:
        self._busy = busy
        renew_after_fork(self)
        self.after_fork()

    def after_fork(self) -> None:
        """Begin again: another thread may have held the lock, and is not here to release it."""
        self._lock = threading.Lock()
        self._begun: dict[str, int] = {}
        self._failed: dict[str, BillingError | None] = {}

    def do(self, name: str, work: Callable[[], object]) -> None:
        """Do `work`, unless it failed for a thread that began it after this one had come.

        Raises `StripeUnavailableError` when the lock is not free in the time that the call has.
        """
        # Held on to: in a child that `work` forks, this thread has another one by its end.
        lock, begun, left_s = self._lock, self._begun.get(name, 0), remaining_s()
        if not lock.acquire(timeout=-1 if left_s is None else max(left_s, 0)):
            raise StripeUnavailableError(self._busy, "Call again later.")
        try:
            failure = self._failed.get(name)
            if failure is not None and self._begun.get(name, 0) > begun:
                raise copy.copy(failure)
            self._begun[name] = self._begun.get(name, 0) + 1
            self._failed[name] = None
            work()
        except BillingError as error:
            self._failed[name] = error
            raise
        finally:
            lock.release()
