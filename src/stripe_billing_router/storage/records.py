"""Everything durable, behind one interface: the database, or the spool while it is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from os import urandom
from pathlib import Path
from typing import Literal

from ..core.bot_ids import spellings
from ..core.operation import Freeze, LedgerRow, Operation, State
from ..core.ports import Alert
from ..core.secret import Secret
from ..domain.precedence import is_further
from .database import Connection
from .errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    DuplicateIntentError,
    StaleOperationError,
)
from .freeze_watch import FreezeWatch
from .journal import Journal
from .ledger import Ledger, LedgerFilter, check_row
from .ledger_reader import read_ledger
from .replay import ReplayReport
from .storage import Storage, unavailable

RefuseIf = Callable[[Operation], bool]


class Records:
    """What the engine writes and reads. Safe for threads, for processes and after a fork.

    `database_away` says what happens to new operations while the database is unavailable: `"spill"`
    writes them to the spool in `spool_dir`, `"refuse"` refuses them. Records of calls that were
    made go to the spool in both cases. `alert` reports outages and what an operator should check,
    once each.
    """

    def __init__(
        self,
        url: str | Secret,
        spool_dir: Path,
        *,
        now_ms: Callable[[], int],
        alert: Alert,
        database_away: Literal["spill", "refuse"] = "spill",
    ) -> None:
        self._now_ms = now_ms
        self._spools_intents = database_away == "spill"
        self._storage = Storage(url, spool_dir, alert)
        dialect_name = self._storage.database.dialect_name
        self._journal = Journal(dialect_name)
        self._ledger = Ledger(dialect_name)
        self._watch = FreezeWatch(self._storage, alert)
        self._freezes = self._watch.statements

    @property
    def degraded(self) -> bool:
        """Whether the database is unavailable: it may know a key that looks new."""
        return bool(self._storage.outage.present)

    def is_spooled(self, operation_id: str) -> bool:
        """Return whether this operation is in the spool.

        Raises:
            LedgerUnavailableError: the spool cannot be read.
        """
        if self._storage.spool.is_empty():
            return False
        with self._storage.spool_or_unavailable() as spool:
            return spool.find(operation_id) is not None

    # --- operations -------------------------------------------------------------------------------

    def find(self, operation_id: str) -> Operation | None:
        """Return an operation; from the spool while the database is unavailable.

        Raises:
            LedgerUnavailableError: neither can be read.
        """
        storage = self._storage
        stored, reason = None, ""
        try:
            found = storage.use(lambda connection: self._journal.find(connection, operation_id))
            stored = found[0] if found else None
        except DatabaseUnavailableError as away:
            if not self._spools_intents:
                raise unavailable(str(away)) from None
            reason = str(away)
        if storage.spool.is_empty():
            return stored
        with storage.spool_or_unavailable(reason) as spool:
            spooled = spool.find(operation_id)
        if spooled is None or (stored is not None and not is_further(spooled, stored)):
            return stored
        return spooled

    def begin(self, operation: Operation, *, refuse_if: RefuseIf | None = None) -> Operation | None:
        """Write the intent in one transaction; or return the operation that already has its id.

        Raises:
            BotFrozenError: a freeze covers the bot; nothing was written.
            DuplicateIntentError: `refuse_if` is true of an unfinished operation of this bot that
                buys the same; nothing was written.
            LedgerUnavailableError: there is nowhere to write.
        """
        write_id = urandom(8).hex()  # names this commit

        def work(connection: Connection) -> tuple[Operation | None, Sequence[Freeze]]:
            # Insert first: for a new key, the usual case, nothing else needs to be read.
            if not self._journal.insert(connection, operation, write_id):
                found = self._journal.find(connection, operation.operation_id)
                if found is not None and found[1] != write_id:
                    return found[0], ()
            active = self._watch.expect_not_frozen(connection, operation.bot_id)
            if refuse_if is not None:
                unsettled = self._journal.unsettled(connection, *_prints(operation))
                _refuse(operation, unsettled, refuse_if)
            return None, active

        try:
            existing, active = self._storage.use(work, write=True)
        except DatabaseUnavailableError as away:
            return self._begin_in_spool(operation, refuse_if, away)
        except DatabaseRefusedError as refused:
            raise unavailable(str(refused)) from None
        if existing is None and self._watch.cache.last != active:
            self._watch.remember(active)
        return existing

    def save(
        self,
        operation: Operation,
        *,
        rows: Sequence[LedgerRow] = (),
        freezes: Sequence[Freeze] = (),
        check_freeze: bool = False,
    ) -> Operation:
        """Replace an operation and add its rows and freezes, in one transaction.

        Returns the operation with its new version. With `check_freeze` nothing is written if the
        bot is frozen.

        Raises:
            StaleOperationError: another process has saved it since it was read.
            BotFrozenError: see `check_freeze`.
            RecordsLostError: neither the database nor the spool took it.
        """
        wanted = replace(operation, version=operation.version + 1)
        write_id = urandom(8).hex()  # names this commit

        def work(connection: Connection) -> None:
            if check_freeze:
                self._watch.expect_not_frozen(connection, operation.bot_id)
            if not self._update_or_insert(connection, wanted, operation.version, write_id):
                return
            for row in rows:
                self._ledger.insert(connection, row)
            for freeze in freezes:
                self._freezes.add(connection, freeze)

        def to_spool() -> None:
            if check_freeze:
                self._watch.expect_not_known_frozen(operation.bot_id)
            self._storage.spool.save(wanted, expected=operation.version, rows=rows, freezes=freezes)

        if freezes:
            self._watch.hold(freezes)
        self._storage.write(work, to_spool, operation=wanted, rows=rows)
        if freezes:
            self._watch.recorded(freezes)
        return wanted

    def operations(
        self,
        *,
        state: State | Collection[State] | None = None,
        bot_id: str | None = None,
        created_before_ms: int | None = None,
        oldest_first: bool = False,
        limit: int | None = 100,
    ) -> list[Operation]:
        """List operations by creation time, the newest first by default.

        Raises:
            LedgerUnavailableError: the database is unavailable, and the spool is not everything.
        """
        states = (state,) if isinstance(state, State) else tuple(state or ())

        def work(connection: Connection) -> list[Operation]:
            return self._journal.list(
                connection,
                states=states,
                bot_ids=spellings(bot_id) if bot_id is not None else (),
                created_before_ms=created_before_ms,
                oldest_first=oldest_first,
                limit=limit,
            )

        return self._storage.read(work)

    # --- ledger -----------------------------------------------------------------------------------

    def log(self, row: LedgerRow) -> bool:
        """Add a ledger row on its own.

        Returns false if it was not added: it is the second money row of one Stripe object, or
        another row has its id.

        Raises:
            InputError: the ledger cannot hold it.
            RecordsLostError: neither the database nor the spool took it.
        """
        check_row(row)
        # It comes from outside, whoever made it: its text is no proof of its other columns.
        row = replace(row, raw_event_json=str(row.raw_event_json))

        def work(connection: Connection) -> bool:
            return self._ledger.insert(connection, row) or self._ledger.holds(connection, row)

        added = self._storage.write(work, lambda: self._storage.spool.add_row(row), rows=[row])
        return added is not False

    def ledger(
        self,
        *,
        bot: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        object_id: str | None = None,
        action_type: str | None = None,
        error: bool | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[LedgerRow]:
        """Yield ledger rows in order of time, including those that are still in the spool.

        Raises:
            LedgerUnavailableError: the database is unavailable, and the spool is not everything.
        """
        wanted = LedgerFilter(
            bot=bot,
            since_ms=since_ms,
            until_ms=until_ms,
            object_id=object_id,
            action_type=action_type,
            error=error,
        )

        def page(after: LedgerRow | None, rows: int) -> Sequence[LedgerRow]:
            return self._storage.read(
                lambda connection: self._ledger.page(
                    connection, wanted, newest_first=newest_first, after=after, limit=rows
                ),
                only_if_drained=False,
            )

        return read_ledger(page, self._spooled_rows, wanted, newest_first=newest_first, limit=limit)

    # --- freezes ----------------------------------------------------------------------------------

    def freeze(self, freeze: Freeze, row: LedgerRow | None = None) -> None:
        """Add a freeze and its ledger row. It applies in this process in any case.

        Raises:
            RecordsLostError: neither the database nor the spool took it.
        """

        def work(connection: Connection) -> None:
            if self._freezes.add(connection, freeze) and row is not None:
                self._ledger.insert(connection, row)

        self._watch.hold([freeze])
        self._storage.write(
            work, lambda: self._storage.spool.add_freeze(freeze, row), rows=[row] if row else []
        )
        self._watch.recorded([freeze])

    def unfreeze(self, pattern: str, *, lifted_by: str, row: LedgerRow | None = None) -> int:
        """Lift every freeze of exactly this pattern; return how many there were.

        Raises:
            LedgerUnavailableError: the database is unavailable. A freeze is lifted only there, for
                every host or for none.
        """
        now_ms = self._now_ms()

        def work(connection: Connection) -> tuple[int, Sequence[Freeze]]:
            lifted = self._freezes.lift(connection, pattern, lifted_by=lifted_by, lifted_ms=now_ms)
            if lifted and row is not None:
                self._ledger.insert(connection, row)
            return lifted, self._freezes.active(connection)

        try:
            lifted, active = self._storage.use(work, write=True)
        except (DatabaseUnavailableError, DatabaseRefusedError) as error:
            raise unavailable(str(error)) from None
        self._watch.lifted(pattern, active)
        return lifted

    def freezes(self, *, include_lifted: bool = False) -> list[Freeze]:
        """List the active freezes, or all of them.

        Raises:
            LedgerUnavailableError: the database is unavailable.
        """
        if include_lifted:
            return self._storage.read(self._freezes.all)
        return list(self._storage.read(self._freezes.active))

    # --- the spool --------------------------------------------------------------------------------

    def replay(self) -> ReplayReport:
        """Replay the spool into the database.

        Raises:
            LedgerUnavailableError: the database is unavailable, or the spool cannot be read.
        """
        return self._storage.replay()

    def close(self) -> None:
        """Close the database's connections; the next use opens new ones."""
        self._storage.database.close()

    # --- inside -----------------------------------------------------------------------------------

    def _begin_in_spool(
        self, operation: Operation, refuse_if: RefuseIf | None, away: DatabaseUnavailableError
    ) -> Operation | None:
        if not self._spools_intents:
            raise unavailable(str(away)) from None
        with self._storage.spool_or_unavailable(str(away)) as spool:
            stored = spool.find(operation.operation_id)
            if stored is not None:
                return stored
            self._watch.expect_not_known_frozen(operation.bot_id)
            if refuse_if is not None:
                _refuse(operation, spool.unsettled(*_prints(operation)), refuse_if)
            spool.save(operation)
        return None

    def _update_or_insert(
        self, connection: Connection, wanted: Operation, expected: int, write_id: str
    ) -> bool:
        """Write `wanted`; return false if exactly this write was committed before."""
        if self._journal.update(connection, wanted, expected=expected, write_id=write_id):
            return True
        # An intent that went to the spool and was not replayed is written whole.
        if self._journal.insert(connection, wanted, write_id):
            return True
        found = self._journal.find(connection, wanted.operation_id)
        if found is None or found[1] == write_id:
            return False
        raise StaleOperationError(found[0])

    def _spooled_rows(self) -> dict[str, LedgerRow]:
        if self._storage.spool.is_empty():
            return {}
        with self._storage.spool_or_unavailable() as spool:
            return spool.rows()


def _prints(operation: Operation) -> tuple[str, str, str]:
    return operation.bot_id, operation.fingerprint, operation.request_fingerprint


def _refuse(operation: Operation, unsettled: Sequence[Operation], refuse_if: RefuseIf) -> None:
    for other in unsettled:
        if other.operation_id != operation.operation_id and refuse_if(other):
            raise DuplicateIntentError(other)
