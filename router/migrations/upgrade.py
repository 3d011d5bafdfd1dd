"""Brings older tables to the newest revision, by Alembic: imported only where there are some."""

import logging
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_FOLDER: Final = Path(__file__).parent


def settings(connection: Connection) -> Config:
    """Alembic's own, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, version: str = "head") -> None:
    """Run every revision that the database has not seen, in the connection's transaction.

    `version`: up to this one.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells its own workings
    command.upgrade(settings(connection), version)
