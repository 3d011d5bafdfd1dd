"""The data folder: keys, the embedded ledger, settlements and decisions, for nobody else."""

from typing import Final

from router.private_files import close_to_others, make_private_folder
from router.world.documents import Documents

# What older versions left readable. Nothing else is touched: an operator may keep files here too.
_OURS: Final = ("*.db", "*.db-wal", "*.db-shm", "spool", "spool/*.jsonl", "ledger", "cards")
_NOT_FILES: Final = frozenset({"off", "stdout"})


def make_data_folder(documents: Documents) -> None:
    """Make the data folder, and close to others what of it is open. Raises OSError.

    The folder of turnout.yaml, and any above it, is not closed but told: it holds more than ours.
    """
    make_private_folder(documents.data, within=documents.folder)
    decisions = documents.config.decisions.to
    log = [] if decisions in _NOT_FILES or decisions.startswith("/") else [f"{decisions}*"]
    close_to_others(documents.data, (*_OURS, *log))
