"""Which process holds an operation, and whether it can still be alive.

A lease names host, process id and process start time. On the same host a dead holder's operation
is free at once; another host waits for the lease to end.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.holder import Holder, parse_holder
from ..core.operation import Operation, State


def is_held(
    operation: Operation, now_ms: int, here: Holder, is_alive: Callable[[Holder], bool]
) -> bool:
    """Return whether another call may still be carrying this operation out."""
    if operation.state not in (State.PENDING, State.ROLLING_BACK) or not operation.lease_owner:
        return False
    holder = parse_holder(operation.lease_owner)
    if holder is not None and holder.host == here.host and not is_alive(holder):
        return False
    # A live holder that is slower than its lease loses it. That is harmless: the process that takes
    # over sends the same keys, and each commit is conditional on the version it has read.
    return now_ms < operation.lease_until_ms


def blocks_a_retry(
    operation: Operation, now_ms: int, here: Holder, is_alive: Callable[[Holder], bool]
) -> bool:
    """Return whether an identical call without a key must be refused.

    It must when the operation's outcome is unknown, when a dead process left it, or when it waits
    for approval. One that is in progress now is a separate purchase.
    """
    if operation.state in (State.UNKNOWN, State.AWAITING_APPROVAL):
        return True
    return operation.state in (State.PENDING, State.ROLLING_BACK) and not is_held(
        operation, now_ms, here, is_alive
    )


def is_same_run(stored: Operation, operation: Operation) -> bool:
    """Return whether this run is stored as in progress: as it was read, or one commit later."""
    same = (stored.lease_owner, stored.created_ms) == (operation.lease_owner, operation.created_ms)
    is_next = 0 <= stored.version - operation.version <= 1
    return same and is_next and stored.state is State.PENDING
