"""Prepaid balances in the ledger, for commands."""

from router.cli.common.ledgers import connected, run
from router.ledger.credits import Balance
from router.world.documents import Documents


def credited(documents: Documents, organization: str, nano: int, credit_id: str) -> Balance:
    """Add to a balance, once for each id (0 reads it); return it. Raises Unreachable."""
    return run(_credited(documents, organization, nano, credit_id))


async def _credited(documents: Documents, organization: str, nano: int, credit_id: str) -> Balance:
    async with connected(documents) as reached:
        return await reached.credit(organization, nano, credit_id)
