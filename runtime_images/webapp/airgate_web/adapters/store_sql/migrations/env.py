"""How Alembic runs here: on the connection that `schema.migrate` holds, within its transaction."""

from alembic import context

from airgate_web.adapters.store_sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
