"""The ledger status: read the database without creating, migrating or writing anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import exc

from ..core.operation import State
from ..core.secret import Secret
from . import schema
from .database import CONNECT_TIMEOUT_S, parsed_url
from .errors import DatabaseUnavailableError

# A read takes seconds: a process that holds a lock for longer is stuck.
_WAIT_S: Final = 3.0

_OVER: Final = (State.SUCCEEDED, State.FAILED, State.ROLLED_BACK, State.DENIED)
_LEFT_BEHIND: Final = (
    sa.select(sa.func.count())
    .select_from(schema.operations)
    .where(schema.operations.c.state == str(State.PENDING))
    .where(schema.operations.c.lease_until_ms < sa.bindparam("now_ms"))
)
_BY_STATE: Final = (
    sa.select(schema.operations.c.state, sa.func.count())
    .where(schema.operations.c.state.in_([str(state) for state in set(State) - set(_OVER)]))
    .group_by(schema.operations.c.state)
)
_FREEZES: Final = (
    sa.select(schema.freezes.c.pattern)
    .where(schema.freezes.c.lifted_ms.is_(None))
    .order_by(schema.freezes.c.created_ms)
)

# The rights that bots need in PostgreSQL, as granted in the documentation.
_GRANTS: Final = (
    (schema.VERSION_TABLE, "SELECT"),
    ("stripe_operations", "SELECT"),
    ("stripe_operations", "INSERT"),
    ("stripe_operations", "UPDATE"),
    ("stripe_ledger", "SELECT"),
    ("stripe_ledger", "INSERT"),
    ("stripe_freezes", "SELECT"),
    ("stripe_freezes", "INSERT"),
)


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """The status of the ledger's database.

    `version` is the server's. `schema` is None if the tables are not created yet. `cannot_write`
    says why bots cannot write, `lacks` which rights they do not have. `operations` counts the
    unfinished ones by state; `left_behind` those among them that a dead process holds. `freezes`
    are the patterns of the active freezes. These three are known only if `is_read`.
    """

    version: str
    schema: str | None = None
    cannot_write: str = ""
    lacks: tuple[str, ...] = ()
    is_read: bool = False
    operations: Mapping[State, int] = field(default_factory=dict)
    left_behind: int = 0
    freezes: tuple[str, ...] = ()


def look(url: Secret, now_ms: int) -> LedgerStatus:
    """Read the status of the database at `url`; a SQLite file must exist, and is not created.

    Raises:
        ConfigurationError: the address cannot be used.
        DatabaseUnavailableError: it does not answer, or is not a database.
    """
    address = parsed_url(url)
    is_sqlite = address.get_backend_name() == "sqlite"
    problem = ""
    try:
        with _connected(address) as connection:
            return (_look_at_sqlite if is_sqlite else _look_at_postgresql)(connection, now_ms)
    except exc.DBAPIError as error:
        problem = _first_line(error)
    raise DatabaseUnavailableError(problem)


@contextmanager
def _connected(address: sa.URL) -> Iterator[sa.Connection]:
    if address.get_backend_name() == "sqlite":
        # `mode=rw`: a missing file is not created.
        file = f"file:{quote(str(address.database))}?mode=rw"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(file, uri=True, timeout=_WAIT_S, isolation_level=None)

        engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    else:
        limits = {"connect_timeout": CONNECT_TIMEOUT_S}
        engine = sa.create_engine(address, connect_args=limits, poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def _look_at_sqlite(connection: sa.Connection, now_ms: int) -> LedgerStatus:
    connection.exec_driver_sql("BEGIN")
    found = _read(connection, LedgerStatus(sqlite3.sqlite_version), now_ms)
    connection.exec_driver_sql("ROLLBACK")
    problem = ""
    try:
        # Takes the write lock, and releases it unused.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("ROLLBACK")
    except exc.DBAPIError as error:
        problem = _first_line(error)
    return replace(found, cannot_write=problem)


def _look_at_postgresql(connection: sa.Connection, now_ms: int) -> LedgerStatus:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(1000 * _WAIT_S)}")
    found = LedgerStatus(str(_ask(connection, "SHOW server_version")).partition(" ")[0])
    if _ask(connection, "SELECT pg_is_in_recovery()"):
        found = replace(found, cannot_write="it is a standby, which only reads")
    elif _ask(connection, "SHOW default_transaction_read_only") == "on":
        found = replace(found, cannot_write="its default_transaction_read_only is on")
    if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
        if _ask(connection, "SELECT has_schema_privilege(current_schema(), 'CREATE')"):
            return found
        return replace(found, lacks=("CREATE on the schema",))
    lacks = tuple(
        f"{right} on {table}"
        for table, right in _GRANTS
        if not _ask(connection, f"SELECT has_table_privilege(to_regclass('{table}'), '{right}')")
    )
    if any(each.startswith("SELECT") for each in lacks):
        return replace(found, schema=schema.HEAD, lacks=lacks)
    return _read(connection, replace(found, lacks=lacks), now_ms)


def _read(connection: sa.Connection, found: LedgerStatus, now_ms: int) -> LedgerStatus:
    made = schema.version(connection)
    # Another schema may have other tables.
    if made != schema.HEAD:
        return replace(found, schema=made)
    by_state = connection.execute(_BY_STATE).all()
    return replace(
        found,
        schema=made,
        is_read=True,
        operations={State(state): count for state, count in by_state},
        left_behind=connection.execute(_LEFT_BEHIND, {"now_ms": now_ms}).scalar_one(),
        freezes=tuple(connection.execute(_FREEZES).scalars()),
    )


def _ask(connection: sa.Connection, question: str) -> Any:
    return connection.exec_driver_sql(question).scalar()


def _first_line(error: exc.DBAPIError) -> str:
    # PostgreSQL's further lines repeat the statement.
    return str(error.orig).partition("\n")[0]
