"""What Alembic runs for a migration, on the caller's connection and in its transaction."""

from alembic import context

from stripe_billing_router.storage import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
)
context.run_migrations()
