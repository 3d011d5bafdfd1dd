"""What a gateway demands of its ledger's server: answers soon, and that it keeps what it hears."""

from dataclasses import dataclass
from typing import Final, Literal

Durability = Literal["warn", "require", "accept"]


@dataclass(frozen=True, slots=True)
class ServerDemands:
    """`budget`: seconds that a reservation may wait for the server, a second try included.
    `durability`: what becomes of a server that may lose what it keeps
    (router.ledger.server.durability).
    """

    budget: float = 0.5
    durability: Durability = "warn"


USUAL: Final = ServerDemands()
