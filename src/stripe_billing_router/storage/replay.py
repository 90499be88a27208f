"""Replay the spool into the database, each record exactly once.

Every import is safe to repeat: rows and freezes by their primary keys, operations by comparing
which state is further along. The files are emptied only after the commit, so a crash in between
repeats the import and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from ..billing_logger import row_of
from ..core.operation import Operation
from ..domain.ledger_rows import refund_rows
from ..domain.precedence import merge
from .database import Connection, Database
from .errors import DatabaseRefusedError
from .freezes import Freezes
from .journal import Journal
from .ledger import Ledger
from .spool import Entry, Spool

BATCH_LINES: Final = 200


@dataclass(slots=True)
class ReplayReport:
    """What was replayed: counts of records that the database did not have yet."""

    operation_ids: set[str] = field(default_factory=set)
    rows: int = 0
    freezes: int = 0
    quarantine: int = 0
    conflicts: list[str] = field(default_factory=list)  # operation ids

    @property
    def operations(self) -> int:
        """How many operations were added or advanced."""
        return len(self.operation_ids)

    def __bool__(self) -> bool:
        return bool(
            self.operations or self.rows or self.freezes or self.quarantine or self.conflicts
        )


class Replay:
    """Replays the spool into the tables."""

    def __init__(self, spool: Spool, database: Database, write_id: Callable[[], str]) -> None:
        self._spool = spool
        self._database = database
        self._write_id = write_id
        self._journal = Journal(database.dialect_name)
        self._ledger = Ledger(database.dialect_name)
        self._freezes = Freezes(database.dialect_name)

    def run(self) -> ReplayReport:
        """Import every record, then empty the spool.

        Raises:
            DatabaseUnavailableError: it became unavailable; the spool is unchanged.
            OSError: the spool cannot be read or emptied.
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
        """Import all at once; if the database refuses a record, split the batch to find it."""
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
                # Its newest state: once the database has one, versions continue from there.
                newest = self._spool.find(entry.operation.operation_id)
                self._merge(connection, newest or entry.operation, done)
            for row in entry.rows:
                done.rows += self._ledger.insert(connection, row)
            for freeze in entry.freezes:
                done.freezes += self._freezes.add(connection, freeze)
        return done

    def _merge(self, connection: Connection, spooled: Operation, done: ReplayReport) -> None:
        while not self._journal.insert(connection, spooled, self._write_id()):
            found = self._journal.find(connection, spooled.operation_id)
            if found is None:
                continue
            stored = found[0]
            merged = merge(spooled, stored)
            written = merged.record is None or self._journal.update(
                connection, merged.record, expected=stored.version, write_id=self._write_id()
            )
            if merged.is_conflict:
                done.conflicts.append(spooled.operation_id)
            if not written:
                continue
            if merged.record is not None:
                for columns in refund_rows(merged.record):
                    done.rows += self._ledger.insert(connection, row_of(**columns))
            if merged.takes_over:
                done.operation_ids.add(spooled.operation_id)
            return
        done.operation_ids.add(spooled.operation_id)

    def _quarantine(self, entry: Entry, report: ReplayReport) -> None:
        self._spool.quarantine(entry.text)
        report.quarantine += 1


def _add(total: ReplayReport, part: ReplayReport) -> None:
    total.operation_ids |= part.operation_ids
    total.rows += part.rows
    total.freezes += part.freezes
    total.conflicts += part.conflicts
