"""A key for an organization and a team that may not be there yet: all of it is made, or nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from router.cli.common.customer_documents import document
from router.cli.common.customers import Asked, actor, beside, changing
from router.customers.keys import KeyStore
from router.customers.organizations import OrganizationStore
from router.customers.records import StoredKey
from router.customers.teams import TeamStore


class Made(NamedTuple):
    """A new key, the tier that it counts by, and what else was made, in words."""

    key: str
    row: StoredKey
    tier: str
    also: tuple[str, ...]


def make_key(config_path: Path, organization: str, given: Mapping[str, Any]) -> Made:
    """Make a key with what is given (see KeyStore.add). Raises click.ClickException."""
    tier, team = given["tier"] or "", given["team"]
    also = []
    with changing(config_path, KeyStore, "keys.create", Asked(organization)) as (store, told):
        with beside(store, OrganizationStore) as organizations:
            there = organizations.get(organization)
            if there is None:
                there = organizations.create(organization, tier)
                also.append(f"{organization} is a new organization.")
        if team is not None:
            with beside(store, TeamStore) as teams:
                if teams.get(organization, team) is None:
                    teams.create(organization, team)
                    also.append(f"{team} is a new team of {organization}.")
        own = "" if tier == there.tier else tier
        rest = {name: value for name, value in given.items() if value not in (None, ())}
        rest |= {"tier": own, "created_by": actor().name}
        key, row = store.add(organization, **rest)
        told.target, told.after = Asked(organization, key_id=row.key_id).target, document(row)
    return Made(key, row, own or there.tier, tuple(also))
