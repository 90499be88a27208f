"""Bring the spill back into the database, each record exactly once.

Every import is safe to repeat: rows and freezes by their primary keys, operations by asking which
state is further on. The files are emptied only after the commit, so a crash in between repeats
the import and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from ..core.ids import time_sorted_id
from ..core.money import to_major
from ..core.operation import LedgerRow, Operation, State
from ..domain.outcomes import is_spent
from .database import Connection, Database
from .errors import DatabaseRefusedError
from .freezes import Freezes
from .journal import Journal
from .ledger import Ledger
from .spool import Entry, Spool

BATCH_LINES: Final = 200

# Within one attempt, which state is further on. An effect that was seen outranks a failure that
# was seen: to believe the failure would allow a second payment.
_RANK: Final = {
    State.PENDING: 0,
    State.UNKNOWN: 0,
    State.AWAITING_APPROVAL: 0,
    State.OPEN: 1,
    State.DENIED: 2,
    State.FAILED: 2,
    State.SUCCEEDED: 3,
    State.ROLLING_BACK: 4,
    State.ROLLED_BACK: 5,
}


_REVERSED: Final = (State.ROLLING_BACK, State.ROLLED_BACK)


@dataclass(slots=True)
class ReplayReport:
    """What came back: counts of records that the database did not have yet."""

    operation_ids: set[str] = field(default_factory=set)
    rows: int = 0
    freezes: int = 0
    quarantine: int = 0
    conflicts: list[str] = field(default_factory=list)  # operation ids

    @property
    def operations(self) -> int:
        """How many operations were added or went on."""
        return len(self.operation_ids)

    def __bool__(self) -> bool:
        return bool(
            self.operations or self.rows or self.freezes or self.quarantine or self.conflicts
        )


class Replay:
    """The way from the spill to the tables."""

    def __init__(self, spool: Spool, database: Database, write_id: Callable[[], str]) -> None:
        self._spool = spool
        self._database = database
        self._write_id = write_id
        self._journal = Journal(database.dialect_name)
        self._ledger = Ledger(database.dialect_name)
        self._freezes = Freezes(database.dialect_name)

    def run(self) -> ReplayReport:
        """Import everything that waits, then empty the spill.

        Raises:
            DatabaseAwayError: the database went away; the spill is as it was.
            OSError: the spill cannot be read or emptied.
        """
        report = ReplayReport()
        with self._spool.locked():
            entries = self._spool.entries()
            while batch := list(islice(entries, BATCH_LINES)):
                self._import_batch(batch, report)
            if not self._spool.is_empty():
                self._spool.clear()
        return report

    def _import_batch(self, batch: Sequence[Entry], report: ReplayReport) -> None:
        whole = [entry for entry in batch if not entry.is_torn]
        for entry in batch:
            if entry.is_torn:
                self._quarantine(entry, report)
        for part in self._acceptable_parts(whole, report):
            _add(report, part)

    def _acceptable_parts(
        self, entries: Sequence[Entry], report: ReplayReport
    ) -> Iterator[ReplayReport]:
        """Import all at once; if the database refuses something, bit by bit, to find it."""
        try:
            yield self._database.run(lambda connection: self._import(connection, entries))
            return
        except DatabaseRefusedError:
            parts = entries if len(entries) > 1 else entries[0].parts()
            if len(parts) == 1:
                self._quarantine(parts[0], report)
                return
        for part in parts:
            yield from self._acceptable_parts([part], report)

    def _import(self, connection: Connection, entries: Sequence[Entry]) -> ReplayReport:
        done = ReplayReport()
        for entry in entries:
            if entry.operation is not None:
                # Its newest state: versions count on from the database's as soon as one is in it.
                newest = self._spool.find(entry.operation.operation_id)
                self._merge(connection, newest or entry.operation, done)
            for row in entry.rows:
                done.rows += self._ledger.insert(connection, row)
            for freeze in entry.freezes:
                done.freezes += self._freezes.add(connection, freeze)
        return done

    def _merge(self, connection: Connection, spooled: Operation, done: ReplayReport) -> None:
        while True:
            if self._journal.insert(connection, spooled, self._write_id()):
                done.operation_ids.add(spooled.operation_id)
                return
            found = self._journal.find(connection, spooled.operation_id)
            if found is None:
                continue
            stored = found[0]
            reversal = _reversal_of_success(spooled, stored)
            if not is_further(spooled, stored):
                outranks = _RANK[stored.state] < _RANK[spooled.state]
                if (spooled.state is State.SUCCEEDED and outranks) or reversal:
                    done.conflicts.append(spooled.operation_id)
                if reversal is None or self._balance(connection, stored, spooled, done):
                    return
                continue
            contradicted = stored.state is State.FAILED and not _left_nothing(stored)
            if (contradicted and spooled.attempt == stored.attempt) or reversal:
                done.conflicts.append(spooled.operation_id)
            version = max(spooled.version, stored.version + 1)
            merged = replace(spooled, version=version)
            if reversal is not None:
                merged = replace(merged, result=stored.result)
            if self._journal.update(
                connection, merged, expected=stored.version, write_id=self._write_id()
            ):
                done.operation_ids.add(spooled.operation_id)
                for row in refund_rows(merged):
                    done.rows += self._ledger.insert(connection, row)
                return

    def _balance(
        self, connection: Connection, reversal: Operation, success: Operation, done: ReplayReport
    ) -> bool:
        """Note at a reversal in the database what it undid; false if another was quicker."""
        noted = replace(reversal, result=success.result, version=reversal.version + 1)
        if not self._journal.update(
            connection, noted, expected=reversal.version, write_id=self._write_id()
        ):
            return False
        for row in refund_rows(noted):
            done.rows += self._ledger.insert(connection, row)
        return True

    def _quarantine(self, entry: Entry, report: ReplayReport) -> None:
        self._spool.quarantine(entry.text)
        report.quarantine += 1


def is_further(spooled: Operation, stored: Operation) -> bool:
    """Tell whether the spilled state replaces the one in the database."""
    same_run = spooled.created_ms == stored.created_ms
    if spooled.attempt == stored.attempt and not same_run and _left_nothing(spooled, stored):
        return not _left_nothing(spooled)
    return _progress(spooled) > _progress(stored)


def _left_nothing(*operations: Operation) -> bool:
    """Tell whether one of them failed before Stripe took it up.

    That says nothing of what another run of the same attempt did, with the same step keys.
    """
    return any(one.state is State.FAILED and not is_spent(one) for one in operations)


def _reversal_of_success(one: Operation, other: Operation) -> Operation | None:
    """Return the reversed one of two ends of the same attempt where the other is a success.

    They are two hosts' that did not see each other: one reversed what it had made, and Stripe
    repeated its first answer to the other, which took it for good.
    """
    if one.attempt == other.attempt:
        for reversal, success in ((one, other), (other, one)):
            if reversal.state in _REVERSED and success.state is State.SUCCEEDED:
                return reversal
    return None


def refund_rows(operation: Operation) -> Iterator[LedgerRow]:
    """Yield a money row for each refund of a reversal, where the ledger has what it undid."""
    if operation.state not in _REVERSED or operation.result is None:
        return
    for step in operation.steps:
        refund = step.reply or {}
        if refund.get("object") == "refund" and refund.get("status") == "succeeded":
            yield LedgerRow(
                id=time_sorted_id("led", operation.updated_ms),
                action_type="refund",
                amount=to_major(refund["amount"], refund["currency"]),
                currency=refund["currency"],
                timestamp_ms=operation.updated_ms,
                user_email=operation.instruction.user_email,
                bot_id=operation.bot_id,
                destination_account=operation.account,
                raw_event_json=json.dumps(dict(refund)),
                error=0,
            )


def _progress(operation: Operation) -> tuple[int, int, int]:
    return operation.attempt, _RANK[operation.state], operation.version


def _add(total: ReplayReport, part: ReplayReport) -> None:
    total.operation_ids |= part.operation_ids
    total.rows += part.rows
    total.freezes += part.freezes
    total.conflicts += part.conflicts
