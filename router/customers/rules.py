"""What the policy in force has to say about customers: which tiers there are.

Light to import, since commands about keys must start in a moment; `policy_rules` reads limits.
"""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, Protocol

from router.customers import fields
from router.customers.errors import Invalid


class Rules(Protocol):
    """What values are checked against. Each method raises Invalid."""

    def tier(self, value: Any, field: str = "tier") -> str:
        """Return the tier of an organization; empty where the policy has none."""

    def tier_of_key(self, value: Any, field: str = "tier") -> str:
        """Return the tier of a key; empty for its organization's."""

    def routes_of_key(self, value: Any, field: str = "routes") -> list[str] | None:
        """Return the routes that a key may use, each once; None for all."""

    def limits(self, level: str, value: Any, field: str = "limits") -> dict[str, Any]:
        """Return limits of an organization, team or key as they are stored."""

    def prepaid(self, tier: str, limits: Mapping[str, Any]) -> bool | None:
        """Return whether a customer pays beforehand; None where that is not known."""


class TierRules:
    """Knows the names of the tiers and routes, and no limits. `tiers` and `routes` return None
    where nobody knows."""

    def __init__(
        self,
        tiers: Callable[[], Collection[str] | None] = lambda: None,
        routes: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        self._tiers = tiers
        self._routes = routes

    def tier(self, value: Any, field: str = "tier") -> str:
        """Return the tier of an organization; empty where the policy has none."""
        known = self._tiers()
        if known is not None and not value and known:
            raise Invalid(
                field, f"every customer of this policy needs one; tiers: {', '.join(known)}"
            )
        return self._known(value, field, known)

    def tier_of_key(self, value: Any, field: str = "tier") -> str:
        """Return the tier of a key; empty for its organization's."""
        return self._known(value, field, self._tiers())

    def routes_of_key(self, value: Any, field: str = "routes") -> list[str] | None:
        """Return the routes that a key may use, each once; None for all."""
        given, known = fields.allowed(value, field), self._routes()
        if given is not None and known is not None:
            strange = next((name for name in given if name not in known), None)
            if strange is not None:
                raise Invalid(field, _unknown("route", strange, list(known)))
        return given

    def limits(self, level: str, value: Any, field: str = "limits") -> dict[str, Any]:
        """None are taken here."""
        if value:
            raise Invalid(field, f"limits of a {level} cannot be read here")
        return {}

    def prepaid(self, tier: str, limits: Mapping[str, Any]) -> bool | None:
        """Nobody knows here."""
        return None

    def _known(self, value: Any, field: str, known: Collection[str] | None) -> str:
        if value is None or value == "":
            return ""
        if not isinstance(value, str):
            raise Invalid(field, "must be the name of a tier")
        if known is not None and value not in known:
            raise Invalid(field, _unknown("tier", value, list(known)))
        return value


def _unknown(kind: str, value: str, known: list[str]) -> str:
    if not known:
        return f"the policy has no {kind}s: leave it out, or add {kind}s to the policy"
    near = get_close_matches(value, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"{kind}s: {', '.join(known)}"
    return f"the policy has no {kind} {value[:128]!r}; {hint}"
