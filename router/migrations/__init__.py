"""Versions of the database's tables, and how an older one is brought up to date."""
