"""The database, or the spool while it is unavailable: which of them takes a piece of work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import urandom
from pathlib import Path
from typing import TypeVar

from ..core.operation import LedgerRow, Operation
from ..core.ports import Alert
from ..core.secret import Secret
from ..errors import LedgerUnavailableError
from .database import Connection, Database
from .errors import DatabaseRefusedError, DatabaseUnavailableError, RecordsLostError
from .outage import Outage
from .replay import Replay, ReplayReport
from .spool import Spool

T = TypeVar("T")
Work = Callable[[Connection], T]


class Storage:
    """One database and one spool, which is replayed before the database is used again."""

    def __init__(self, url: str | Secret, spool_dir: Path, alert: Alert) -> None:
        self._alert = alert
        self.spool = Spool(spool_dir)
        self.database = Database(url, seen_file=self.spool.folder / "database.seen")
        self.outage = Outage(alert, self.database.description)
        self._replay = Replay(self.spool, self.database, new_write_id)

    def use(self, work: Work[T], *, write: bool = False) -> T:
        """Run `work` on the database, after replaying the spool.

        A read continues if the replay fails: readers look into both.

        Raises:
            DatabaseUnavailableError, DatabaseRefusedError: see `Database.run`.
        """
        outage = self.outage
        if outage.present:
            outage.expect_worth_asking()
        started_s = time.monotonic()
        try:
            if not self.spool.is_empty():
                self._replay_first(write=write)
            result = self.database.run(work, write=write)
        except DatabaseUnavailableError as error:
            outage.begins(error, took_s=time.monotonic() - started_s)
            raise
        except Exception:
            outage.ends()
            raise
        if outage.present:
            outage.ends()
        return result

    def read(self, work: Work[T], *, only_if_drained: bool = True) -> T:
        """Run `work` on the database or say why that is not possible.

        Raises:
            LedgerUnavailableError: the database is unavailable, or the spool is not empty.
        """
        try:
            found = self.use(work)
        except (DatabaseUnavailableError, DatabaseRefusedError) as error:
            raise unavailable(f"{error} (spooled records are in {self.spool.folder})") from None
        if only_if_drained and not self.spool.is_empty():
            raise unavailable(f"spooled records in {self.spool.folder} cannot be replayed")
        return found

    def write(
        self,
        work: Work[T],
        to_spool: Callable[[], None],
        *,
        operation: Operation | None = None,
        rows: Sequence[LedgerRow] = (),
    ) -> T | None:
        """Run `work` on the database or, if that is impossible, `to_spool` with the spool locked.

        Raises:
            RecordsLostError: neither was possible.
        """
        try:
            return self.use(work, write=True)
        except DatabaseUnavailableError as error:
            reason = str(error)
        except DatabaseRefusedError as error:
            reason = str(error)
            self._alert("record_refused", "critical", reason, {})
        try:
            with self.spool.locked():
                to_spool()
        except OSError as error:
            raise RecordsLostError(f"{reason}; {error}", operation, rows) from None
        return None

    @contextmanager
    def spool_or_unavailable(self, reason: str = "") -> Iterator[Spool]:
        """Hold the spool's lock; without it nothing is guaranteed.

        Raises:
            LedgerUnavailableError: the spool cannot be used.
        """
        try:
            with self.spool.locked():
                yield self.spool
        except OSError as error:
            raise unavailable(f"{reason}; {error}" if reason else str(error)) from None

    def replay(self) -> ReplayReport:
        """Replay the spool into the database.

        Raises:
            LedgerUnavailableError: the database is unavailable, or the spool cannot be used.
        """
        if self.spool.is_empty():
            return ReplayReport()
        started_s = time.monotonic()
        try:
            report = self._replay_and_report()
        except DatabaseUnavailableError as error:
            self.outage.begins(error, took_s=time.monotonic() - started_s)
            raise unavailable(str(error)) from None
        self.outage.ends()
        return report

    # --- inside -----------------------------------------------------------------------------------

    def _replay_first(self, *, write: bool) -> None:
        """Replay the spool; a read continues if that fails, because it looks into both."""
        try:
            self._replay_and_report()
        except DatabaseUnavailableError:
            if write:
                raise

    def _replay_and_report(self) -> ReplayReport:
        try:
            report = self._replay.run()
        except OSError as error:
            # Files that cannot be read may hold unknown keys: continuing would be a guess.
            raise DatabaseUnavailableError(f"the spool cannot be replayed: {error}") from None
        if report:
            self._alert(
                "spill_returned",
                "info",
                f"Replayed into {self.database.description}: {report.operations} operations, "
                f"{report.rows} ledger rows, {report.freezes} freezes.",
                {"operations": report.operations, "rows": report.rows, "freezes": report.freezes},
            )
        if report.quarantine:
            self._alert(
                "spill_set_aside",
                "critical",
                f"{report.quarantine} lines of the spool were torn or refused by the database. "
                f"They are in quarantine: {self.spool.quarantine_path}.",
                {"lines": report.quarantine},
            )
        for operation_id in report.conflicts:
            self._alert(
                "journal_conflict",
                "critical",
                f"Database and spool disagree on how {operation_id} ended. Check its payment at "
                "Stripe.",
                {"operation_id": operation_id},
            )
        return report


def new_write_id() -> str:
    """Name one commit."""
    return urandom(8).hex()


def unavailable(reason: str) -> LedgerUnavailableError:
    """Return the error for having nowhere to write, or nothing to read."""
    return LedgerUnavailableError(
        f"The billing records cannot be used, so nothing was sent: {reason}",
        "Repair the database or make the folder writable, then call again.",
    )
