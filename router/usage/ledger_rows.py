"""What the books know of the ledger besides rows of usage: its epoch, and whose limits counted."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

METADATA: Final = MetaData()
# One row: the ledger that these books belong to.
EPOCH: Final = Table(
    "ledger_epoch",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("epoch", String(32), nullable=False),
)
# The calendar limits that a gateway process counted by, from an instant of its own clock on; the
# ids of its holds begin with that clock. `limits` is JSON: tier -> ["organization.usd_per_month"].
LIMITS: Final = Table(
    "ledger_limits",
    METADATA,
    Column("process", String(8), primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("limits", Text, nullable=False),
)
