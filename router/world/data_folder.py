"""The data folder: keys, the embedded ledger, settlements and decisions, for nobody else."""

from pathlib import Path
from typing import Final, Protocol

from router.private_files import close_to_others, make_private_folder

# What older versions left readable. Nothing else is touched: an operator may keep files here too.
_OURS: Final = ("*.db", "*.db-wal", "*.db-shm", "spool", "spool/*.jsonl", "ledger", "cards")
_NOT_FILES: Final = frozenset({"off", "stdout"})


class Placed(Protocol):
    """What says where things are: both documents, or their outline."""

    @property
    def folder(self) -> Path:
        """The folder that relative paths of turnout.yaml begin in."""

    @property
    def data(self) -> Path:
        """The folder for keys, the embedded ledger and logs."""

    @property
    def database(self) -> str:
        """The SQL address of keys and usage."""

    @property
    def decisions(self) -> str:
        """Where the decision log goes: off, stdout, or a file below the data folder."""


def make_data_folder(documents: Placed) -> None:
    """Make the data folder, and close to others what of it is open. Raises OSError.

    The folder of turnout.yaml, and any above it, is not closed but told: it holds more than ours.
    """
    make_private_folder(documents.data, within=documents.folder)
    decisions = documents.decisions
    log = [] if decisions in _NOT_FILES or decisions.startswith("/") else [f"{decisions}*"]
    close_to_others(documents.data, (*_OURS, *log))
