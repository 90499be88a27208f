"""The journal's statements, each on a connection in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa

from ..core.operation import Operation, Result, State
from . import codec
from .schema import MONEY_SQL, UNSETTLED_SQL, insert_unless_there, ledger, object_id_sql, operations

_BY_ID: Final = sa.select(operations).where(
    operations.c.operation_id == sa.bindparam("operation_id")
)

_BODY: Final = sa.select(ledger.c.raw_event_json).where(ledger.c.id == sa.bindparam("ledger_id"))

_UPDATE: Final = (
    sa.update(operations)
    .where(operations.c.operation_id == sa.bindparam("of_operation"))
    .where(operations.c.version == sa.bindparam("of_version"))
    .values({column.name: sa.bindparam(column.name) for column in operations.c})
)

# The condition repeats that of the partial indexes; a bound list would not use them.
_UNSETTLED: Final = tuple(
    sa.select(operations)
    .where(operations.c.bot_id == sa.bindparam("bot"))
    .where(column == sa.bindparam("print"))
    .where(sa.text(UNSETTLED_SQL))
    for column in (operations.c.fingerprint, operations.c.request_fingerprint)
)


class Journal:
    """Operations in the table `stripe_operations`."""

    def __init__(self, dialect_name: str) -> None:
        self._insert = insert_unless_there(operations, dialect_name)
        is_object = sa.text(f"{object_id_sql(dialect_name)} = :object_id")
        self._money = sa.select(ledger.c.raw_event_json).where(is_object, sa.text(MONEY_SQL))

    def insert(self, connection: sa.Connection, operation: Operation, write_id: str) -> bool:
        """Insert `operation`; return false if its id exists already."""
        columns = codec.operation_columns(operation)
        return connection.execute(self._insert, {**columns, "write_id": write_id}).rowcount == 1

    def update(
        self, connection: sa.Connection, operation: Operation, *, expected: int, write_id: str
    ) -> bool:
        """Replace the row if its version is `expected`; return false if it is not."""
        values = codec.operation_columns(operation)
        condition = {"of_operation": operation.operation_id, "of_version": expected}
        found = connection.execute(_UPDATE, {**values, "write_id": write_id, **condition})
        return found.rowcount == 1

    def find(self, connection: sa.Connection, operation_id: str) -> tuple[Operation, str] | None:
        """Return the operation and the id of the commit that wrote it."""
        row = connection.execute(_BY_ID, {"operation_id": operation_id}).mappings().first()
        if row is None:
            return None
        operation = codec.operation_from_columns(row)
        if operation.result is not None and operation.result.ledger_id is not None:
            raw = self._body(connection, operation.result)
            operation = codec.with_body(operation, raw or "")
        return operation, row["write_id"]

    def _body(self, connection: sa.Connection, result: Result) -> str | None:
        """Return the object that decided: the ledger row of the same commit has it for both tables.

        If another host wrote the money row first, that row has it.
        """
        found = connection.execute(_BODY, {"ledger_id": result.ledger_id}).scalar()
        if found is None:
            found = connection.execute(self._money, {"object_id": result.body.get("id")}).scalar()
        return None if found is None else str(found)

    def unsettled(
        self, connection: sa.Connection, bot_id: str, fingerprint: str, request_fingerprint: str
    ) -> list[Operation]:
        """List the bot's unfinished operations that have one of these fingerprints."""
        found: dict[str, Operation] = {}
        prints = (fingerprint, request_fingerprint)
        for statement, value in zip(_UNSETTLED, prints, strict=True):
            rows = connection.execute(statement, {"bot": bot_id, "print": value}).mappings()
            for row in rows:
                found[row["operation_id"]] = codec.operation_from_columns(row)
        return sorted(found.values(), key=lambda operation: operation.created_ms)

    def list(
        self,
        connection: sa.Connection,
        *,
        states: Collection[State] = (),
        bot_ids: Sequence[str] = (),
        created_before_ms: int | None = None,
        oldest_first: bool = False,
        limit: int | None = 100,
    ) -> list[Operation]:
        """List operations by creation time."""
        statement = sa.select(operations).limit(limit)
        if states:
            statement = statement.where(operations.c.state.in_([str(state) for state in states]))
        if bot_ids:
            statement = statement.where(operations.c.bot_id.in_(bot_ids))
        if created_before_ms is not None:
            statement = statement.where(operations.c.created_ms < created_before_ms)
        order: Any = operations.c.created_ms
        statement = statement.order_by(order.asc() if oldest_first else order.desc())
        return [
            codec.operation_from_columns(row) for row in connection.execute(statement).mappings()
        ]
