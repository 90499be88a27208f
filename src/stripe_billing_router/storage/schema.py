"""The tables, and how a database gets them.

`stripe_ledger` is what finance reads: exactly ten columns. `stripe_operations` is the journal,
`stripe_freezes` has the freezes. The files in `migrations` create them; the tables here repeat them
in the form that statements are built from, and a test compares the two. Indexes with a condition or
an expression are in the migrations only: naming them here would import the dialects of both
databases, which takes longer than all of our own code.
"""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from typing import Any, Final

import sqlalchemy as sa

from ..core.operation import MONEY_ACTIONS, State
from ..errors import ConfigurationError

# The newest migration. It is compared with a database's VERSION_TABLE, so that Alembic is imported
# only when there is something to do.
HEAD: Final = "0001"
VERSION_TABLE: Final = "stripe_schema_version"

# Unfinished, so that an identical intent without a key must wait. Written out, because only a
# query that repeats its condition word for word uses a partial index.
UNSETTLED_SQL: Final = (
    f"state IN ('{State.PENDING}', '{State.UNKNOWN}', '{State.AWAITING_APPROVAL}')"
)
MONEY_SQL: Final = (
    "error = 0 AND action_type IN (" + ", ".join(f"'{action}'" for action in MONEY_ACTIONS) + ")"
)


class ExactDecimal(sa.types.TypeDecorator[Decimal]):
    """An exact decimal: NUMERIC in PostgreSQL; text in SQLite, whose numbers are binary."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Return the column type of `dialect`."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return dialect.type_descriptor(sa.Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        """Write all digits, without an exponent."""
        if value is None or dialect.name != "sqlite":
            return value
        return format(value, "f")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Read it back, digit for digit."""
        return None if value is None else Decimal(value)


metadata: Final = sa.MetaData()

ledger: Final = sa.Table(
    "stripe_ledger",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("action_type", sa.Text, nullable=False),
    sa.Column("amount", ExactDecimal),
    sa.Column("currency", sa.Text),
    sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
    sa.Column("user_email", sa.Text),
    sa.Column("bot_id", sa.Text),
    sa.Column("destination_account", sa.Text),
    sa.Column("raw_event_json", sa.Text, nullable=False),
    sa.Column("error", sa.Integer, nullable=False),
    sa.CheckConstraint("error IN (0, 1)", name="stripe_ledger_error"),
    sa.CheckConstraint("action_type <> ''", name="stripe_ledger_action_type"),
    sa.Index("stripe_ledger_by_bot", "bot_id", "timestamp_ms", "id"),
    sa.Index("stripe_ledger_by_time", "timestamp_ms", "id"),
)

operations: Final = sa.Table(
    "stripe_operations",
    metadata,
    sa.Column("operation_id", sa.Text, primary_key=True),
    sa.Column("bot_id", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("request_fingerprint", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("steps", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("lease_owner", sa.Text),
    sa.Column("lease_until_ms", sa.BigInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    # Names the commit that wrote the row, so that its writer recognizes it when the reply to COMMIT
    # was lost.
    sa.Column("write_id", sa.Text, nullable=False),
    sa.Index("stripe_operations_by_state", "state", "created_ms"),
    sa.Index("stripe_operations_by_bot", "bot_id", "created_ms"),
    sa.Index("stripe_operations_by_time", "created_ms"),
)

freezes: Final = sa.Table(
    "stripe_freezes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("pattern", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("lifted_ms", sa.BigInteger),
    sa.Column("lifted_by", sa.Text),
)


def object_id_sql(dialect_name: str) -> str:
    """Return the expression for the id of the Stripe object in a ledger row, as it is indexed."""
    if dialect_name == "sqlite":
        return "json_extract(raw_event_json, '$.id')"
    return "((raw_event_json)::jsonb ->> 'id')"


def insert_unless_there(table: sa.Table, dialect_name: str) -> sa.Insert:
    """Return an INSERT that skips a row whose primary key or unique index is taken.

    Its `rowcount` says whether it was inserted.
    """
    # Each dialect has its own, and importing the other one would cost as much as our package.
    dialect = import_module(f"sqlalchemy.dialects.{dialect_name}")
    insert: sa.Insert = dialect.insert(table).on_conflict_do_nothing()
    return insert.execution_options(preserve_rowcount=True)


def is_current(connection: sa.Connection) -> bool:
    """Return whether the schema is what this package needs.

    Raises:
        ConfigurationError: a newer version of this package created it.
    """
    found = version(connection)
    if found is not None and found > HEAD:
        raise ConfigurationError(
            f"The ledger's database has schema {found}, and this package knows up to {HEAD}",
            "Update stripe_billing_router on this host.",
        )
    return found == HEAD


def version(connection: sa.Connection) -> str | None:
    """Return the database's schema version; None if it has none of ours."""
    # Query the catalogue first: in PostgreSQL a failed statement would end the transaction.
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    versions = found.scalars().all()
    return max(versions) if versions else None
