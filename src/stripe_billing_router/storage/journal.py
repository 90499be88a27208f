"""The journal's statements, each on a connection in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from ..core.operation import Operation, State
from . import codec
from .schema import MONEY_SQL, UNSETTLED_SQL, insert_unless_there, ledger, object_id_sql, operations

_BY_ID: Final = sa.select(operations).where(
    operations.c.operation_id == sa.bindparam("operation_id")
)

_BODIES: Final = sa.select(ledger.c.id, ledger.c.raw_event_json).where(
    ledger.c.id.in_(sa.bindparam("ledger_ids", expanding=True))
)
# Every database accepts this many values in one statement.
_MOST_NAMED: Final = 500

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
        return self._with_bodies(connection, [operation])[0], row["write_id"]

    def _with_bodies(
        self, connection: sa.Connection, found: Sequence[Operation]
    ) -> list[Operation]:
        """Return operations with the objects that decided: the ledger has them for both tables."""
        named = [one.result.ledger_id for one in found if one.result and one.result.ledger_id]
        bodies: dict[str, str] = {}
        for start in range(0, len(named), _MOST_NAMED):
            asked = {"ledger_ids": named[start : start + _MOST_NAMED]}
            bodies.update(
                (row.id, row.raw_event_json) for row in connection.execute(_BODIES, asked)
            )
        return [self._with_body(connection, one, bodies) for one in found]

    def _with_body(
        self, connection: sa.Connection, operation: Operation, bodies: Mapping[str, str]
    ) -> Operation:
        result = operation.result
        if result is None or result.ledger_id is None:
            return operation
        body = bodies.get(result.ledger_id)
        if body is None:
            # Another host wrote the money row first: that row has it.
            body = connection.execute(self._money, {"object_id": result.body.get("id")}).scalar()
        return codec.with_body(operation, body or "")

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
        rows = connection.execute(statement).mappings().all()
        return self._with_bodies(connection, list(map(codec.operation_from_columns, rows)))
