"""What turnout.yaml may say of the ledger's server."""

from typing import Literal

from policies.language.fields import Duration
from router.ledger.server.demands import USUAL, Durability
from router.world.section import Section


class LedgerServerSection(Section):
    """How long the ledger's server may take, and what becomes of one that may lose the ledger."""

    budget: Duration = USUAL.budget
    durability: Durability = USUAL.durability
    on_loss: Literal["serve", "refuse"] = "serve"
