"""The ledger, the journal and the freezes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# A migration is history: it repeats what it needs and imports nothing of the package, so that it
# never changes.
_UNSETTLED = sa.text("state IN ('pending', 'unknown', 'awaiting_approval')")
_MONEY = sa.text("error = 0 AND action_type IN ('charge', 'subscription', 'refund')")


def upgrade() -> None:
    """Create the tables and their indexes."""
    on_sqlite = op.get_context().dialect.name == "sqlite"
    _create_ledger(on_sqlite=on_sqlite)
    _create_operations()
    op.create_table(
        "stripe_freezes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("lifted_ms", sa.BigInteger),
        sa.Column("lifted_by", sa.Text),
    )


def _create_ledger(*, on_sqlite: bool) -> None:
    op.create_table(
        "stripe_ledger",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("action_type", sa.Text, nullable=False),
        sa.Column("amount", sa.Text if on_sqlite else sa.Numeric),
        sa.Column("currency", sa.Text),
        sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
        sa.Column("user_email", sa.Text),
        sa.Column("bot_id", sa.Text),
        sa.Column("destination_account", sa.Text),
        sa.Column("raw_event_json", sa.Text, nullable=False),
        sa.Column("error", sa.Integer, nullable=False),
        sa.CheckConstraint("error IN (0, 1)", name="stripe_ledger_error"),
        sa.CheckConstraint("action_type <> ''", name="stripe_ledger_action_type"),
    )
    op.create_index("stripe_ledger_by_bot", "stripe_ledger", ["bot_id", "timestamp_ms", "id"])
    op.create_index("stripe_ledger_by_time", "stripe_ledger", ["timestamp_ms", "id"])
    object_id = sa.text(
        "json_extract(raw_event_json, '$.id')"
        if on_sqlite
        else "((raw_event_json)::jsonb ->> 'id')"
    )
    op.create_index("stripe_ledger_by_object", "stripe_ledger", [object_id])
    # One Stripe object has one money row, whichever process writes it.
    op.create_index(
        "stripe_ledger_one_money_row",
        "stripe_ledger",
        [object_id],
        unique=True,
        sqlite_where=_MONEY,
        postgresql_where=_MONEY,
    )


def _create_operations() -> None:
    op.create_table(
        "stripe_operations",
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
        sa.Column("write_id", sa.Text, nullable=False),
    )
    table = "stripe_operations"
    op.create_index("stripe_operations_by_state", table, ["state", "created_ms"])
    op.create_index("stripe_operations_by_bot", table, ["bot_id", "created_ms"])
    op.create_index("stripe_operations_by_time", table, ["created_ms"])
    for name, column in (
        ("stripe_operations_unsettled", "fingerprint"),
        ("stripe_operations_unsettled_request", "request_fingerprint"),
    ):
        op.create_index(
            name,
            table,
            ["bot_id", column],
            sqlite_where=_UNSETTLED,
            postgresql_where=_UNSETTLED,
        )
