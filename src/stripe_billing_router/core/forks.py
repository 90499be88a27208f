"""What a forked child must not use as it was copied: one registry, gone through in each child."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Protocol


class Copied(Protocol):
    """What notices that it is now a copy in a forked child."""

    def after_fork(self) -> None:
        """Leave alone what belongs to the parent. Runs in the child, before anything else."""


_copied: weakref.WeakSet[Copied] = weakref.WeakSet()


def renew_after_fork(one: Copied) -> None:
    """Have `one.after_fork()` called in each forked child, for as long as `one` lives."""
    _copied.add(one)


def _after_fork() -> None:
    for one in list(_copied):
        one.after_fork()


os.register_at_fork(after_in_child=_after_fork)


class ForkSafeLock:
    """A reentrant lock for short work, to be used by `with`; a forked child begins with it open.

    The thread that holds it is not there to open it in the child.
    """

    def __init__(self) -> None:
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin with an open lock."""
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()
