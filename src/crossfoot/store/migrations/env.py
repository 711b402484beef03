"""Alembic's environment: migrations run on the connection that ``store.database`` hands over."""

from alembic import context

from crossfoot.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=False)
context.run_migrations()
