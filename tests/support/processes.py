"""Processes of their own that start at once: forked from one that has imported what they need.

A Python that is started anew spends half a second on imports. The process that forks runs no test
and has no thread and no connection, so a child begins as empty as a new one would.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier
from unittest.mock import patch

# All that is imported for a child in advance.
_PRELOADED = ["support.records", "sqlalchemy.dialects.sqlite", "psycopg"]
PATIENCE_S = 60.0


@cache
def forking() -> ForkServerContext:
    """Return what makes such processes: `forking().Process(target=…, args=…)`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    # Some versions of Python let it import from where it would look by itself only.
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))):
        forkserver.ensure_running()
    return context


def pool_at_once(count: int) -> ProcessPoolExecutor:
    """Return a pool whose `count` processes may `meet` before they go on."""
    barrier = forking().Barrier(count)
    return ProcessPoolExecutor(
        count, mp_context=forking(), initializer=_expect_to_meet, initargs=(barrier,)
    )


def meet() -> None:
    """Wait until every process of the pool is here, each with a job of its own."""
    assert _barrier is not None
    _barrier.wait(PATIENCE_S)


_barrier: Barrier | None = None


def _expect_to_meet(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier
