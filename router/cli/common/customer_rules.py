"""What the policy says about customers, for commands: tiers by their names, limits when some come.

The names and whether a tier is prepaid are read off the outline; the models of limits are imported
where limits are given.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.cli.common.lazy import imported
from router.customers.rules import TierRules
from router.world.outline import Outline

_LIMITS: Final = "router.customers.policy_rules"


class OutlineRules(TierRules):
    """Rules by the outline of a policy."""

    def __init__(self, documents: Outline) -> None:
        super().__init__(lambda: documents.tiers, lambda: documents.routes)
        self._tiers_written = documents.tiers

    def limits(self, level: str, value: Any, field: str = "limits") -> dict[str, Any]:
        """Return limits as they are stored. Raises Invalid."""
        if not value:
            return {}
        # Reading limits asks for no tier.
        checked: dict[str, Any] = imported(_LIMITS).PolicyRules(dict).limits(level, value, field)
        return checked

    def prepaid(self, tier: str, limits: Mapping[str, Any]) -> bool | None:
        """Return whether a customer pays beforehand; None where its tier is not known."""
        if "prepaid_usd" in limits:
            return bool(limits["prepaid_usd"])
        written = self._tiers_written.get(tier)
        if written is None:
            return None if tier else False
        return written.get("prepaid_usd") is True
