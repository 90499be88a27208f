"""Versioned changes of the schema, run by Alembic when a database is not current."""
