"""Schema migrations, run by Alembic when a database is outdated."""
