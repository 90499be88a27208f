"""The ledger's statements, each on a connection in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ..core.bot_ids import spellings
from ..core.operation import MONEY_ACTIONS, LedgerRow
from ..errors import InputError
from . import codec
from .schema import insert_unless_there, ledger, object_id_sql

# Rows are read a page at a time, so that no transaction stays open while a person reads them.
PAGE_ROWS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFilter:
    """Which rows to read. Times are milliseconds since 1970; `until_ms` is excluded."""

    bot: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    object_id: str | None = None
    action_type: str | None = None
    error: bool | None = None

    def accepts(self, row: LedgerRow) -> bool:
        """Return whether `row` is wanted, as the database would decide."""
        return (
            (self.bot is None or row.bot_id in spellings(self.bot))
            and (self.since_ms is None or row.timestamp_ms >= self.since_ms)
            and (self.until_ms is None or row.timestamp_ms < self.until_ms)
            and (self.object_id is None or codec.object_id(row.raw_event_json) == self.object_id)
            and (self.action_type is None or row.action_type == self.action_type)
            and (self.error is None or bool(row.error) == self.error)
        )


class Ledger:
    """Rows in the table `stripe_ledger`. They are added and read, never changed."""

    def __init__(self, dialect_name: str) -> None:
        # Skips the same row (by id) and another money row of the same Stripe object: two processes
        # that finish one operation write one row between them.
        self._insert = insert_unless_there(ledger, dialect_name)
        self._object_id: sa.ColumnElement[Any] = sa.literal_column(object_id_sql(dialect_name))

    def insert(self, connection: sa.Connection, row: LedgerRow) -> bool:
        """Insert `row`; return false if it, or the money row of its Stripe object, existed."""
        return connection.execute(self._insert, codec.row_columns(row)).rowcount == 1

    def holds(self, connection: sa.Connection, row: LedgerRow) -> bool:
        """Return whether exactly this row is in the table."""
        found = connection.execute(sa.select(ledger).where(ledger.c.id == row.id)).mappings()
        return row in map(codec.row_from_values, found)

    def page(
        self,
        connection: sa.Connection,
        wanted: LedgerFilter,
        *,
        newest_first: bool,
        after: LedgerRow | None,
        limit: int,
    ) -> Sequence[LedgerRow]:
        """Return the rows that follow `after`, in order of time and id."""
        statement = sa.select(ledger).where(*self._conditions(wanted)).limit(limit)
        key: Any = sa.tuple_(ledger.c.timestamp_ms, ledger.c.id)
        if after is not None:
            last = sa.tuple_(sa.literal(after.timestamp_ms), sa.literal(after.id))
            statement = statement.where(key < last if newest_first else key > last)
        for column in (ledger.c.timestamp_ms, ledger.c.id):
            statement = statement.order_by(column.desc() if newest_first else column.asc())
        return [codec.row_from_values(row) for row in connection.execute(statement).mappings()]

    def _conditions(self, wanted: LedgerFilter) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        if wanted.bot is not None:
            conditions.append(ledger.c.bot_id.in_(spellings(wanted.bot)))
        if wanted.since_ms is not None:
            conditions.append(ledger.c.timestamp_ms >= wanted.since_ms)
        if wanted.until_ms is not None:
            conditions.append(ledger.c.timestamp_ms < wanted.until_ms)
        if wanted.object_id is not None:
            conditions.append(self._object_id == wanted.object_id)
        if wanted.action_type is not None:
            conditions.append(ledger.c.action_type == wanted.action_type)
        if wanted.error is not None:
            conditions.append(ledger.c.error == int(wanted.error))
        return conditions


def check_row(row: LedgerRow) -> None:
    """Check a row from a caller before it is stored.

    Raises:
        InputError: the ledger cannot hold it, or it is a money row without an amount.
    """
    if not row.id or not row.action_type:
        raise InputError("The ledger row has no id or no action_type", "Fill in both.")
    if row.error not in (0, 1):
        raise InputError(f"The column error is {row.error!r}", "Pass 0, or 1 for what failed.")
    if not 0 <= row.timestamp_ms < 2**53:
        raise InputError(
            f"timestamp_ms is {row.timestamp_ms!r}, not a time", "Pass milliseconds since 1970."
        )
    if row.amount is not None and not row.amount.is_finite():
        raise InputError(f"The amount {row.amount} is not a finite number", "Pass major units.")
    if codec.object_or_none(row.raw_event_json) is None:
        raise InputError(
            "raw_event_json is not a JSON object without NaN or Infinity", "Pass a JSON object."
        )
    is_money = not row.error and row.action_type in MONEY_ACTIONS
    if is_money and (row.amount is None or not row.currency):
        raise InputError(
            f"The row of {row.action_type!r} with error=0 is money, and has no amount or currency",
            "Fill in both.",
        )
