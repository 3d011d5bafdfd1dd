"""One module a revision, run by Alembic in the order of their numbers."""
