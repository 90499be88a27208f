"""The spool: files beside the database with records that could not be written to it.

`stripe_ledger.jsonl` has a ledger row's ten keys a line. `journal.jsonl` has operations and freezes
as of each save, with the ledger rows of the same commit, so that one line is one commit. Every use
holds `spool.lock`, across all processes of this host. `Replay` writes the contents to the database.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..core.forks import renew_after_fork
from ..core.operation import Freeze, LedgerRow, Operation, State
from ..errors import ConfigurationError
from . import codec
from .errors import StaleOperationError
from .jsonl import JsonLines, Line, make_private_folder

LOCK_WAIT_S: Final = 10.0
_UNSETTLED: Final = frozenset({State.PENDING, State.UNKNOWN, State.AWAITING_APPROVAL})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the spool, decoded. `is_torn` if a crash cut it off."""

    text: bytes
    operation: Operation | None = None
    rows: tuple[LedgerRow, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    is_torn: bool = False

    def parts(self) -> list[Entry]:
        """Return the same contents as one entry per record."""
        text = self.text
        operations = [Entry(text, operation=self.operation)] if self.operation else []
        rows = [Entry(text, rows=(row,)) for row in self.rows]
        freezes = [Entry(text, freezes=(freeze,)) for freeze in self.freezes]
        return [*operations, *rows, *freezes]


class Spool:
    """The two files and their lock. Call everything but `is_empty` within `locked()`."""

    def __init__(self, folder: Path, *, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.folder = folder.absolute()
        self.ledger = JsonLines(self.folder / "stripe_ledger.jsonl")
        self.journal = JsonLines(self.folder / "journal.jsonl")
        self._paths = (self.journal.path, self.ledger.path)
        self._lock_path = self.folder / "spool.lock"
        renew_after_fork(self)
        self._lock_wait_s = lock_wait_s
        self._forget()

    def is_empty(self) -> bool:
        """Return whether the spool is certainly empty; costs two file status calls."""
        for path in self._paths:
            try:
                if path.stat().st_size:
                    return False
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; read what other processes have added since.

        Raises:
            OSError: the folder cannot be used, or another process holds the lock for too long.
        """
        make_private_folder(self.folder)
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._acquire(descriptor)
            self._catch_up(descriptor)
            yield
        finally:
            # Unlock explicitly: a child that was forked meanwhile has the descriptor too, and would
            # otherwise keep the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    # --- operations and freezes -------------------------------------------------------------------

    def find(self, operation_id: str) -> Operation | None:
        """Return the newest state of an operation, if it is in the spool."""
        return self._operations.get(operation_id)

    def operations(self) -> list[Operation]:
        """Return the newest state of every operation in the spool."""
        return list(self._operations.values())

    def unsettled(self, bot_id: str, fingerprint: str, request_fingerprint: str) -> list[Operation]:
        """List the bot's unfinished operations that have one of these fingerprints."""
        return [
            operation
            for operation in self._operations.values()
            if operation.bot_id == bot_id
            and operation.state in _UNSETTLED
            and (
                operation.fingerprint == fingerprint
                or operation.request_fingerprint == request_fingerprint
            )
        ]

    def freezes(self) -> tuple[Freeze, ...]:
        """Return the freezes in the spool."""
        return tuple(self._freezes.values())

    def save(
        self,
        operation: Operation,
        *,
        expected: int | None = None,
        rows: Sequence[LedgerRow] = (),
        freezes: Sequence[Freeze] = (),
    ) -> None:
        """Add one commit: the operation's new state, its ledger rows, freezes.

        Raises:
            StaleOperationError: the state in the spool is not of the version `expected`.
        """
        stored = self._operations.get(operation.operation_id)
        if expected is not None and stored is not None and stored.version != expected:
            raise StaleOperationError(stored)
        self._append(operation=operation, rows=rows, freezes=freezes)
        self._operations[operation.operation_id] = operation

    def add_freeze(self, freeze: Freeze, row: LedgerRow | None) -> None:
        """Add a freeze and its ledger row."""
        self._append(operation=None, rows=[row] if row else [], freezes=[freeze])

    def add_row(self, row: LedgerRow) -> None:
        """Add a ledger row on its own."""
        self.ledger.append(codec.row_values(row))

    # --- replay -----------------------------------------------------------------------------------

    def entries(self) -> Iterator[Entry]:
        """Yield every line in the order of the replay."""
        for line in self.journal.read():
            yield _decoded(line, is_row=False)
        for line in self.ledger.read():
            yield _decoded(line, is_row=True)

    def rows(self) -> dict[str, LedgerRow]:
        """Return every ledger row in the spool by its id."""
        return {row.id: row for entry in self.entries() for row in entry.rows}

    def quarantine(self, text: bytes) -> None:
        """Keep a line that cannot be replayed, for a person to read."""
        JsonLines(self.quarantine_path).append_text(text)

    @property
    def quarantine_path(self) -> Path:
        """The file of lines that cannot be replayed."""
        return self.folder / "set_aside.jsonl"

    def clear(self) -> None:
        """Empty the spool after its contents were committed to the database."""
        # First the number, then the files: a process that continues from an offset must notice.
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, f"{self._generation + 1:020d}".encode(), 0)
        finally:
            os.close(descriptor)
        self.journal.clear()
        self.ledger.clear()
        self._forget()

    # --- inside -----------------------------------------------------------------------------------

    def after_fork(self) -> None:
        """Forget the contents, which a fork may have caught partially read."""
        self._forget()

    def _forget(self) -> None:
        self._generation = -1
        self._read_up_to = 0
        self._operations: dict[str, Operation] = {}
        self._freezes: dict[str, Freeze] = {}

    def _acquire(self, descriptor: int) -> None:
        deadline_s = time.monotonic() + self._lock_wait_s
        pause_s = 0.001
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    message = f"{self._lock_path} was held for {self._lock_wait_s:g} s"
                    raise TimeoutError(message) from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.05)

    def _catch_up(self, descriptor: int) -> None:
        """Read what any process has added to the journal since the last time."""
        generation = int(os.pread(descriptor, 20, 0) or b"0")
        if generation != self._generation or self.journal.size() < self._read_up_to:
            self._forget()
            self._generation = generation
        for line in self.journal.read(self._read_up_to):
            entry = _decoded(line, is_row=False)
            if entry.operation is not None:
                self._operations[entry.operation.operation_id] = entry.operation
            self._freezes |= {freeze.id: freeze for freeze in entry.freezes}
            self._read_up_to = line.end

    def _append(
        self, *, operation: Operation | None, rows: Sequence[LedgerRow], freezes: Sequence[Freeze]
    ) -> None:
        line: dict[str, Any] = {"v": codec.FORMAT}
        if operation is not None:
            line["operation"] = codec.operation_values(operation)
        line["rows"] = [codec.row_values(row) for row in rows]
        line["freezes"] = [codec.freeze_values(freeze) for freeze in freezes]
        self.journal.append(line)
        self._freezes |= {freeze.id: freeze for freeze in freezes}
        # The commit is durable. Its rows also go into the ledger's own file, where people look for
        # them, as far as the disk allows; the replay counts each id once.
        with suppress(OSError):
            for row in rows:
                self.ledger.append(codec.row_values(row))


def _decoded(line: Line, *, is_row: bool) -> Entry:
    if line.value is None:
        return Entry(line.text, is_torn=True)
    try:
        if is_row:
            return Entry(line.text, rows=(codec.row_from_values(line.value),))
        if line.value["v"] > codec.FORMAT:
            raise ConfigurationError(
                "The spool was written by a newer version of this package",
                "Update stripe_billing_router on this host.",
            )
        rows = tuple(map(codec.row_from_values, line.value.get("rows", ())))
        operation = line.value.get("operation")
        return Entry(
            line.text,
            operation=_operation(operation, rows) if operation else None,
            rows=rows,
            freezes=tuple(map(codec.freeze_from_values, line.value.get("freezes", ()))),
        )
    except (KeyError, TypeError, ArithmeticError):
        # Valid JSON, but not one of our lines: quarantined like a torn one.
        return Entry(line.text, is_torn=True)


def _operation(values: dict[str, Any], rows: Sequence[LedgerRow]) -> Operation:
    operation = codec.operation_from_values(values)
    for row in rows:
        if operation.result is not None and row.id == operation.result.ledger_id:
            return codec.with_body(operation, row.raw_event_json)
    return operation
