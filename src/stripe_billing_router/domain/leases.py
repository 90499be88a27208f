"""Who is at work on an operation, and whether that holder can still be alive.

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
    """Say whether another call may still be at work on this operation."""
    if operation.state not in (State.PENDING, State.ROLLING_BACK) or not operation.lease_owner:
        return False
    holder = parse_holder(operation.lease_owner)
    if holder is not None and holder.host == here.host and not is_alive(holder):
        return False
    # A live holder that is slower than its lease loses it; that is harmless, for whoever takes
    # over sends the same keys, and each commit is conditional on the version it has read.
    return now_ms < operation.lease_until_ms


def blocks_a_retry(
    operation: Operation, now_ms: int, here: Holder, is_alive: Callable[[Holder], bool]
) -> bool:
    """Say whether a keyless call for the same thing must be refused.

    It must when the operation's outcome is unknown, when a dead process left it, or when it waits
    for approval. One that is at work now is another intent of its own.
    """
    if operation.state in (State.UNKNOWN, State.AWAITING_APPROVAL):
        return True
    return operation.state in (State.PENDING, State.ROLLING_BACK) and not is_held(
        operation, now_ms, here, is_alive
    )


def is_same_run(stored: Operation, operation: Operation) -> bool:
    """Say whether this very run is stored as under way: as it was read, or one commit later."""
    same = (stored.lease_owner, stored.created_ms) == (operation.lease_owner, operation.created_ms)
    is_next = 0 <= stored.version - operation.version <= 1
    return same and is_next and stored.state is State.PENDING
