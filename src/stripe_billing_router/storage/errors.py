"""The storage's errors for the engine; none of them reaches a bot unchanged."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.operation import LedgerRow, Operation
from ..redaction import redact


class StorageError(Exception):
    """Base of the storage's own errors. Messages carry no secret and no row's content."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class DatabaseUnavailableError(StorageError):
    """The database cannot do its work now: unreachable, locked, full, read-only or broken."""


class DatabaseRefusedError(StorageError):
    """The database works but does not accept this statement or these values."""


class DuplicateIntentError(StorageError):
    """An unfinished operation of this bot buys the same thing; `existing` is that operation."""

    def __init__(self, existing: Operation) -> None:
        super().__init__(f"{existing.operation_id} is unfinished and buys the same")
        self.existing = existing


class StaleOperationError(StorageError):
    """Another process has saved the operation since it was read; `stored` is the current record."""

    def __init__(self, stored: Operation) -> None:
        super().__init__(
            f"{stored.operation_id} was saved by someone else (now version {stored.version})"
        )
        self.stored = stored


class RecordsLostError(StorageError):
    """Neither the database nor the spool took the record of a call that was made."""

    def __init__(self, reason: str, operation: Operation | None, rows: Sequence[LedgerRow]) -> None:
        super().__init__(reason)
        self.operation = operation
        self.rows = tuple(rows)
