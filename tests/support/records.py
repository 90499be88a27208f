"""Operations, ledger rows and freezes for the tests of what is durable; and programs on them.

The functions at the end run in processes of their own, so they stand where those can import them.
"""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import event

from stripe_billing_router.core import ids
from stripe_billing_router.core.operation import (
    Freeze,
    Instruction,
    LedgerRow,
    Operation,
    State,
    StepRecord,
)
from stripe_billing_router.storage.records import Records
from support.processes import meet

BOT = "stripe:finance:finance_router_bot"
ACCOUNT = "acct_1Master000000000"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Events:
    """Collects what the records tell their owner."""

    seen: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)

    def __call__(
        self,
        kind: str,
        severity: str,
        message: str,
        context: Any = None,
        *,
        once_key: str | None = None,
    ) -> None:
        self.seen.append((kind, severity, message, context))

    def over(self, once_key: str) -> None:
        """Nothing here lasts."""

    @property
    def kinds(self) -> list[str]:
        return [event[0] for event in self.seen]


def open_records(url: str, folder: Path, **options: Any) -> Records:
    return Records(url, folder, **{"now_ms": now_ms, "alert": Events(), **options})


def operation(key: str = "order-1", *, bot_id: str = BOT, **changes: Any) -> Operation:
    values: dict[str, Any] = {
        "operation_id": ids.operation_id(ACCOUNT, bot_id, "charge", key),
        "bot_id": bot_id,
        "action": "charge",
        "idempotency_key": key,
        "account": ACCOUNT,
        "attempt": 1,
        "state": State.PENDING,
        "fingerprint": ids.digest("bought", key),
        "request_fingerprint": ids.digest("asked", key),
        "instruction": Instruction(
            action="charge", kind="amount", bot_id=bot_id, amount_minor=1000
        ),
        "steps": (StepRecord(step="create", method="payment_intents.create", params={"n": 1}),),
        "created_ms": 1_700_000_000_000,
        "updated_ms": 1_700_000_000_000,
        "lease_owner": "host:1:2",
        "lease_until_ms": 1_700_000_030_000,
    }
    return Operation(**{**values, **changes})


def row(object_id: str | None = "pi_1", **changes: Any) -> LedgerRow:
    timestamp_ms = changes.get("timestamp_ms", 1_700_000_000_000)
    values: dict[str, Any] = {
        "id": ids.time_sorted_id("led", timestamp_ms),
        "action_type": "charge",
        "amount": Decimal("10.00"),
        "currency": "usd",
        "timestamp_ms": timestamp_ms,
        "user_email": "payer@example.com",
        "bot_id": BOT,
        "destination_account": ACCOUNT,
        "raw_event_json": json.dumps({"id": object_id, "object": "payment_intent"}),
        "error": 0,
    }
    return LedgerRow(**{**values, **changes})


def freeze(pattern: str = BOT, **changes: Any) -> Freeze:
    values = {"pattern": pattern, "reason": "A test.", "actor": "tester", "created_ms": 1_000}
    return Freeze(**{"id": ids.time_sorted_id("frz", 1_000), **values, **changes})


# --- in processes of their own --------------------------------------------------------------------


def begin_each(url: str, folder: str, keys: list[str]) -> list[bool]:
    """Begin every key at the same moment as the others; say which were new."""
    records = open_records(url, Path(folder))
    meet()
    try:
        return [records.begin(operation(key)) is None for key in keys]
    finally:
        records.close()


def log_each(url: str, folder: str, object_ids: list[str]) -> None:
    records = open_records(url, Path(folder))
    for object_id in object_ids:
        records.log(row(object_id))
    records.close()


def replay_and_be_killed(url: str, folder: str, audit_event: str, countdown: int) -> None:
    """Bring the spill back and die by SIGKILL at the `countdown`-th such event of the runtime.

    The event "commit" is the database's, just before it commits.
    """
    left = countdown

    def watch(name: str, _arguments: Any) -> None:
        nonlocal left
        if name == audit_event:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    records = open_records(url, Path(folder))
    if audit_event == "commit":
        event.listen(records._storage.database._engine, "commit", lambda _: watch("commit", None))
    sys.addaudithook(watch)
    records.replay()
