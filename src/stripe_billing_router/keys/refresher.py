"""Who reads the keys, and when: one thread at a time, and one that does so without being asked."""

from __future__ import annotations

import copy
import logging
import os
import threading
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from ..core.deadline import remaining_s
from ..errors import BillingError, StripeUnavailableError

# How long a router that is closed waits for its thread to end.
_PATIENCE_S: Final = 1.0

log = logging.getLogger(__name__)


class Refreshable(Protocol):
    """What is kept good."""

    def refresh(self) -> None:
        """Read the keys again."""

    def refresh_in_s(self) -> float:
        """Return in how many seconds that should be done next."""
        ...


class SingleFlight:
    """One thread works at a time; those that wait for the same work share its failure."""

    def __init__(self) -> None:
        _to_renew_after_fork.add(self)
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew: another thread may have held the lock, and is not here to release it."""
        self._lock = threading.Lock()
        self._begun: dict[str, int] = {}
        self._failed: dict[str, BillingError | None] = {}

    def take(self, name: str, work: Callable[[], object]) -> None:
        """Do `work` unless it failed for somebody who began after this thread came.

        Raises `StripeUnavailableError` when the turn does not come in the time that the call has.
        """
        # Held on to: in a child that `work` forks, this thread has another one by its end.
        lock, begun, left_s = self._lock, self._begun.get(name, 0), remaining_s()
        if not lock.acquire(timeout=-1 if left_s is None else max(left_s, 0)):
            raise StripeUnavailableError(
                "the Stripe keys are being read, and that takes longer than this call may; nothing "
                "was sent, call again later"
            )
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


class Refresher:
    """The thread that reads keys again: one in each process that uses them."""

    def __init__(self, keyring: Refreshable) -> None:
        self._keyring = weakref.ref(keyring, lambda _: self.stop())
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._lock = threading.Lock()
        _to_renew_after_fork.add(self)

    def after_fork(self) -> None:
        """Begin anew: the thread is the parent's."""
        self._lock = threading.Lock()
        self._pid, self._thread = 0, None

    def ensure_running(self) -> None:
        """Start the thread unless this process has it."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._stopping = threading.Event()
            thread = threading.Thread(
                target=_keep,
                args=(self._keyring, self._stopping),
                name="stripe_billing_router-keys",
                daemon=True,
            )
            try:
                thread.start()
            except RuntimeError:
                # The machine has no more threads. What is held is as good as it was.
                log.warning("no thread can be started to read the Stripe keys again")
                return
            self._thread, self._pid = thread, os.getpid()

    def stop(self) -> None:
        """End the thread; it may be started again."""
        self._stopping.set()
        self._pid = 0
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)


_to_renew_after_fork: weakref.WeakSet[SingleFlight | Refresher] = weakref.WeakSet()


def _after_fork() -> None:
    for one in list(_to_renew_after_fork):
        one.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _keep(keyring: weakref.ref[Refreshable], stopping: threading.Event) -> None:
    """Refresh until told to stop, or until nobody uses the ring any more."""
    while (ring := keyring()) is not None:
        wait_s = ring.refresh_in_s()
        del ring
        if stopping.wait(wait_s):
            return
        ring = keyring()
        if ring is None:
            return
        try:
            ring.refresh()
        except Exception as fault:  # noqa: BLE001 - The thread must outlive it, and say so.
            kind = type(fault).__name__
            log.error("the Stripe keys could not be read again: %s", kind)  # noqa: TRY400
        del ring
