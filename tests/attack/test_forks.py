"""A process that forks while its threads are at work: the child must not wait for them for ever."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stripe_billing_router import default
from stripe_billing_router.core import ids
from support.platform import BOT, Platform, platform_in

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

PATIENCE_S = 20.0


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with platform_in(tmp_path) as built:
        yield built


def ends_well(child: int) -> bool:
    """Wait for a child; end it where it hangs."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def test_a_child_works_though_its_parent_forked_while_threads_held_every_lock(
    platform: Platform,
) -> None:
    platform.router.charge(BOT, 10)
    router = platform.router
    locks = (
        ids._sequence.lock,
        default._lock,
        router._parts.cache._lock,
        router._parts.table._writing,
    )
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            held.set()
            release.wait(PATIENCE_S)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(PATIENCE_S)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            router.register_route(
                "finance",
                "forked_bot",
                {"product_id": "prod_1", "price_id": "price_1", "customer_id": "cus_support"},
            )
            with default._lock:
                status = 0 if router.charge("finance:forked_bot", 10).paid else 2
        finally:
            os._exit(status)
    release.set()
    holder.join(PATIENCE_S)
    assert ends_well(child)
    assert router.charge(BOT, 10).paid
