"""The thread that reads the keys again in time, one in each process."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from typing import Final, Protocol

from ..core.forks import renew_after_fork

# How long a router that is closed waits for its thread to end.
_PATIENCE_S: Final = 1.0

log = logging.getLogger(__name__)


class Refreshable(Protocol):
    """What is kept current."""

    def refresh(self) -> None:
        """Read the keys again."""

    def refresh_in_s(self) -> float:
        """Return in how many seconds that should be done next."""
        ...


class Refresher:
    """The thread that reads keys again: one in each process that uses them."""

    def __init__(self, keyring: Refreshable) -> None:
        self._keyring = weakref.ref(keyring, lambda _: self.stop())
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._lock = threading.Lock()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin again: the thread is the parent's."""
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


def _keep(keyring: weakref.ref[Refreshable], stopping: threading.Event) -> None:
    """Refresh until stopped, or until the ring is no longer used."""
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
