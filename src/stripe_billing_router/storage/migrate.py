"""Migrate a database's schema; imported only when it is outdated, because Alembic is slow."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from . import schema

_MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
# An arbitrary number that means "the schema of this package" among PostgreSQL's advisory locks.
_UPGRADE_LOCK: Final = 7_289_315_001


def upgrade(connection: sa.Connection) -> None:
    """Run the missing migrations, in the caller's write transaction.

    Processes that start at the same time wait for each other here, and then find nothing to do.
    SQLite's write transaction is such a lock already.

    Raises:
        ConfigurationError: a newer version of this package created the schema.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
    if schema.is_current(connection):
        return
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, schema.HEAD)
