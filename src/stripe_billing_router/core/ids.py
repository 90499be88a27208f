"""Ids and keys that are the same on every host, and ids that sort by time."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from typing import Any, Final

from .forks import renew_after_fork

# By how much a clock may go back without a newer id sorting before an older one.
_CLOCK_STEP_MS: Final = 60_000


class _Sequence:
    """The last id's time, and its number within that millisecond."""

    def __init__(self) -> None:
        self.last: tuple[int, int] = (0, 0)
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin with an open lock."""
        # Reentrant: a signal handler that freezes or logs may interrupt the thread that holds it.
        self.lock = threading.RLock()


_sequence = _Sequence()


def time_sorted_id(prefix: str, timestamp_ms: int) -> str:
    """Return a unique id whose text sorts by `timestamp_ms`, then by order within this process."""
    with _sequence.lock:
        last_ms, last_number = _sequence.last
        # A clock that was set back a little does not disturb the order; a row that is dated
        # elsewhere does not carry the rows after it along.
        is_near = 0 < last_ms - timestamp_ms <= _CLOCK_STEP_MS
        millisecond = last_ms if is_near else timestamp_ms
        sequence = last_number + 1 if millisecond == last_ms else 0
        _sequence.last = (millisecond, sequence)
    return f"{prefix}_{millisecond:012x}{sequence:05x}{os.urandom(8).hex()}"


def random_key() -> str:
    """Return the business key of a call that brought none."""
    return f"auto_{os.urandom(16).hex()}"


def digest(*parts: str) -> str:
    """Return the SHA-256 of `parts` in hexadecimal; no two different lists share an encoding."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def operation_id(account: str, bot_id: str, action: str, idempotency_key: str) -> str:
    """Name the operation of a business key: the same on every host, whatever it can see."""
    raw = bytes.fromhex(digest("operation", account, bot_id, action, idempotency_key))
    return "op_" + base64.b32encode(raw[:20]).decode().lower()


def step_key(
    account: str, bot_id: str, action: str, idempotency_key: str, attempt: int, step: str
) -> str:
    """Return the Idempotency-Key of one step of one attempt (Stripe allows 255 characters)."""
    return "sbr1_" + digest(account, bot_id, action, idempotency_key, str(attempt), step)


def fingerprints(*facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the SHA-256 of each, from JSON values in any order."""
    return tuple(
        [hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest() for one in facts]
    )
