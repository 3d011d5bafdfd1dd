"""The policy in force. It is the file's: it is changed there, reviewed, and reloaded."""

from typing import Any, Final

from policies.language.tiers import Tier
from policies.money import usd
from router.admin.call import Answer, Calling
from router.admin.models import Told
from router.admin.problems import not_found
from router.admin.routing import AdminRoutes

routes: Final = AdminRoutes("policies")


class TierDetails(Told):
    """A tier: `limits` by level (organization, key, user, team, model) and dimension; amounts in
    USD are text. Lists are null where nothing is left out."""

    name: str
    priority: str
    limits: dict[str, dict[str, Any]]
    routes: list[str] | None
    backends: list[str] | None
    timezone: str | None
    billing_day: int
    billing_month: int
    store: bool
    requires: list[str]


class Policy(Told):
    """The policy in force: its version (as decisions have it), its text, its tiers."""

    version: str
    file: str
    timezone: str
    routes: list[str]
    aliases: dict[str, str]
    tiers: list[TierDetails]
    text: str


def _listed(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _shown(dimension: str, value: Any) -> Any:
    counted = isinstance(value, int) and not isinstance(value, bool)
    return usd(value) if counted and dimension.startswith("usd_") else value


def _tier(tier: Tier) -> TierDetails:
    limits = {
        level: {name: _shown(name, value) for name, value in each.items()}
        for level, each in tier.limits.items()
    }
    return TierDetails(
        name=tier.name,
        priority=tier.priority,
        limits=limits,
        routes=_listed(tier.routes),
        backends=_listed(tier.backends),
        timezone=tier.timezone,
        billing_day=tier.billing_day,
        billing_month=tier.billing_month,
        store=tier.store,
        requires=sorted(tier.require),
    )


@routes.serve("GET", "/policies/active", "policies.read", Policy)
def get_policy(call: Calling) -> Answer:
    """The policy in force on this gateway, with its document and its tiers."""
    policy = call.parts.gateway.serving.snapshot.policy
    return Answer(
        Policy(
            version=policy.version,
            file=policy.source.filename.rpartition("/")[2],
            timezone=policy.timezone,
            routes=sorted(policy.routes),
            aliases={name: alias.route for name, alias in sorted(policy.aliases.items())},
            tiers=[_tier(tier) for _, tier in sorted(policy.tiers.items())],
            text=policy.source.text,
        )
    )


@routes.serve("GET", "/policies/active/tiers/{name}", "policies.read", TierDetails)
def get_tier(call: Calling, name: str) -> Answer:
    """One tier of the policy in force."""
    tier = call.parts.gateway.serving.snapshot.policy.tiers.get(name)
    if tier is None:
        raise not_found(f"tier {name!r}")
    return Answer(_tier(tier))
