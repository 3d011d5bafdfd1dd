"""`turnout keys`: make, list and revoke the keys of customers."""

import json
from difflib import get_close_matches
from pathlib import Path

import click
from rich.console import Console
from rich.table import Column, Table

from router.auth.store import KeyStore, StoredKey
from router.cli.documents import config_option, documents_or_end
from router.cli.stores import opened


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of customers."""


@keys.command()
@config_option
@click.option("--organization", required=True, help="The customer; quotas are kept per customer.")
@click.option("--tier", required=True, help="A tier of the policy.")
@click.option("--team", help="A team within the customer.")
def create(config_path: Path, organization: str, tier: str, team: str | None) -> None:
    """Make a key and print it, once: only its hash is kept.

    Standard output holds the key alone, so that a script can take it:
    KEY=$(turnout keys create --organization acme --tier pro)
    """
    documents = documents_or_end(config_path)
    tiers = list(documents.policy.tiers)
    if tier not in tiers:
        near = get_close_matches(tier, tiers, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"tiers: {', '.join(tiers)}"
        raise click.BadParameter(f"the policy has no tier {tier!r}; {hint}", param_hint="--tier")
    with opened(documents, KeyStore) as store:
        key, key_id = store.create(organization, tier, team)
    click.echo(key)
    click.echo(f"{key_id}: {organization}, tier {tier}. It is not shown again.", err=True)


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
    with opened(documents_or_end(config_path), KeyStore) as store:
        stored = store.all()
    if form == "json":
        click.echo(json.dumps([_record(key) for key in stored], indent=2))
        return
    table = Table(Column("Key", no_wrap=True), "Organization", "Team", "Tier")
    table.add_column("Created (UTC)")
    table.add_column("State")
    for key in stored:
        who = key.principal
        state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "working"
        table.add_row(
            who.key_id,
            who.organization,
            who.team or "",
            who.tier,
            f"{key.created_at:%Y-%m-%d %H:%M}",
            state,
        )
    Console().print(table)


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
    with opened(documents_or_end(config_path), KeyStore) as store:
        done = store.revoke(key_id)
    if not done:
        raise click.ClickException(f"there is no working key {key_id!r}; see: turnout keys list")
    click.echo(f"{key_id} is revoked.", err=True)
