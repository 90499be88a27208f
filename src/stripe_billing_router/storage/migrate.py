"""Bring a database's schema up to date; imported only where it is not, for Alembic is slow."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from . import schema

_MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
# An arbitrary number that stands for "the schema of this package" among PostgreSQL's advisory
# locks.
_UPGRADE_LOCK: Final = 7_289_315_001


def upgrade(connection: sa.Connection) -> None:
    """Run what is lacking, within the caller's writing transaction.

    Processes that start at once wait here for each other, and then find nothing left to do.
    SQLite's writing transaction is such a lock already.

    Raises:
        ConfigurationError: the schema was made by a newer version of this package.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
    if schema.is_current(connection):
        return
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, schema.HEAD)
