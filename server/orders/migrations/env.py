"""What alembic runs for each command: the revisions, on the connection `server.orders.migrate` hands over."""

from __future__ import annotations

from alembic import context

from server.orders.tables import VERSION_TABLE, metadata

# No transaction of its own: the one that holds the lock is open already.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
