"""What Alembic runs for each upgrade: on the connection, and in the transaction, of who asked."""

from alembic import context

from router.migrations.version import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
