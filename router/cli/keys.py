"""`turnout keys`: make, list and revoke the keys of customers."""

import json
from difflib import get_close_matches
from pathlib import Path

import click

from router.auth.store import KeyStore, StoredKey
from router.cli.common.documents import config_option, outline_or_end
from router.cli.common.saying import say, say_json, say_rows
from router.cli.common.stores import opened


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of customers."""


@keys.command()
@config_option
@click.option("--organization", required=True, help="The customer; quotas are kept per customer.")
@click.option("--tier", help="A tier of the policy; left out where the policy has none.")
@click.option("--team", help="A team within the customer.")
def create(config_path: Path, organization: str, tier: str | None, team: str | None) -> None:
    """Make a key and print it, once: only its hash is kept.

    Standard output holds the key alone, so that a script can take it:
    KEY=$(turnout keys create --organization acme --tier pro)
    """
    documents = outline_or_end(config_path)
    tier = _known(tier, list(documents.tiers))
    with opened(documents, KeyStore) as store:
        key, key_id = store.create(organization, tier, team)
    say(key)
    named = f"tier {tier}" if tier else "no tier: it may use everything"
    say(f"{key_id}: {organization}, {named}. It is not shown again.", err=True)


def _known(tier: str | None, tiers: list[str]) -> str:
    """Return the tier as a key keeps it, empty for none. Raises click.BadParameter."""
    if not tiers:
        if tier:
            problem = "the policy has no tiers: leave --tier out, or add tiers to the policy"
            raise click.BadParameter(problem, param_hint="--tier")
        return ""
    if tier is None:
        problem = f"every key of this policy needs one; tiers: {', '.join(tiers)}"
        raise click.BadParameter(problem, param_hint="--tier")
    if tier not in tiers:
        near = get_close_matches(tier, tiers, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"tiers: {', '.join(tiers)}"
        raise click.BadParameter(f"the policy has no tier {tier!r}; {hint}", param_hint="--tier")
    return tier


@keys.command("list")
@config_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for eyes, JSON for programs.",
)
def list_keys(config_path: Path, form: str) -> None:
    """List every key ever made, without the keys themselves."""
    with opened(outline_or_end(config_path), KeyStore) as store:
        stored = store.all()
    if form == "json":
        say_json(json.dumps([_record(key) for key in stored], indent=2))
        return
    columns = ("Key", "Organization", "Team", "Tier", "Created (UTC)", "State")
    say_rows(columns, map(_row, stored))


def _row(key: StoredKey) -> tuple[str | None, ...]:
    who = key.principal
    state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "working"
    created = f"{key.created_at:%Y-%m-%d %H:%M}"
    return who.key_id, who.organization, who.team, who.tier, created, state


def _record(key: StoredKey) -> dict[str, str | None]:
    who = key.principal
    return {
        "key_id": who.key_id,
        "organization": who.organization,
        "team": who.team,
        "tier": who.tier,
        "created_at": f"{key.created_at.isoformat()}Z",
        "revoked_at": f"{key.revoked_at.isoformat()}Z" if key.revoked_at else None,
    }


@keys.command()
@config_option
@click.argument("key_id")
def revoke(config_path: Path, key_id: str) -> None:
    """Revoke the key with this id (see `keys list`); running gateways follow within seconds."""
    with opened(outline_or_end(config_path), KeyStore) as store:
        done = store.revoke(key_id)
    if not done:
        raise click.ClickException(f"there is no working key {key_id!r}; see: turnout keys list")
    say(f"{key_id} is revoked.", err=True)
