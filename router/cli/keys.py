"""`turnout keys`: make, list, change, rotate and revoke the keys of customers."""

from pathlib import Path
from typing import Any

import click

from router.cli.common.customer_documents import document, say_documents, say_one, state_of_key
from router.cli.common.customer_options import (
    changes_of,
    duration,
    format_option,
    instant,
    limit_option,
    minute,
    organization_option,
    read_limits,
    tag_option,
    unset_option,
)
from router.cli.common.customers import Asked, actor, changing, found, reading
from router.cli.common.documents import config_option
from router.cli.common.new_keys import make_key
from router.cli.common.saying import say, say_rows
from router.customers.keys import KeyStore
from router.customers.records import StoredKey

_key = click.argument("key_id")
_expires = click.option(
    "--expires",
    "expires_at",
    callback=instant,
    metavar="WHEN",
    help="When it ends: 30d, or an RFC 3339 time.",
)
_called = click.option("--name", help="What people call it.")
_routes = click.option(
    "--route", "routes", multiple=True, help="A route that it may use; all, if left out."
)
_models = click.option(
    "--model", "models", multiple=True, help="A model that it may use; all, if left out."
)


@click.group()
def keys() -> None:
    """Make, list, change, rotate and revoke the keys of customers.

    \b
    KEY=$(turnout keys create --organization acme --tier pro)
    turnout keys list --organization acme
    turnout keys rotate KEY_ID --overlap 24h
    """


@keys.command()
@config_option
@organization_option
@click.option("--tier", help="A tier of its own; the organization's, if left out.")
@click.option("--team", help="A team within the customer.")
@_called
@_expires
@tag_option
@_routes
@_models
@limit_option
def create(config_path: Path, organization: str, **given: Any) -> None:
    """Make a key and print it, once: only its hash is kept.

    Standard output holds the key alone, so that a script can take it. An organization or a team
    that is not there yet is made, too, with --tier for its tier.

    \b
    KEY=$(turnout keys create --organization acme --tier pro)
    turnout keys create --organization acme --team research --expires 30d --model gpt-5.5 --tag ci
    """
    given["limits"] = read_limits(given["limits"])
    made = make_key(config_path, organization, given)
    say(made.key)
    for line in made.also:
        say(line, err=True)
    named = f"tier {made.tier}" if made.tier else "no tier: it may use everything"
    say(f"{made.row.key_id}: {organization}, {named}. It is not shown again.", err=True)


@keys.command("list")
@config_option
@click.option("--organization", help="Only this customer's.")
@click.option("--team", help="Only this team's.")
@click.option("--working", is_flag=True, help="Only those that are neither revoked nor expired.")
@format_option
def list_keys(
    config_path: Path, organization: str | None, team: str | None, working: bool, form: str
) -> None:
    """List keys, oldest first, without the keys themselves.

    \b
    turnout keys list --organization acme --working
    """
    with reading(config_path, KeyStore) as store:
        now = store.now_ms()
        rows = [
            row
            for row in store.all()
            if organization in (None, row.organization)
            and team in (None, row.team)
            and not (working and _is_over(row, now))
        ]
    if form == "json":
        say_documents(rows)
        return
    columns = ("Key", "Name", "Organization", "Team", "Tier", "Created (UTC)", "Last use", "State")
    say_rows(columns, [_line(row, now) for row in rows])


def _is_over(row: StoredKey, now: int) -> bool:
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)


def _line(row: StoredKey, now: int) -> tuple[str | None, ...]:
    used = minute(row.last_used_at)
    created, state = minute(row.created_at), state_of_key(row, now)
    return row.key_id, row.name, row.organization, row.team, row.tier, created, used, state


@keys.command()
@config_option
@_key
@format_option
def show(config_path: Path, key_id: str, form: str) -> None:
    """Show all that is known of a key, but the key itself.

    \b
    turnout keys show key_0123456789abcdef
    """
    with reading(config_path, KeyStore, Asked(key_id=key_id)) as store:
        row = found(store.get(key_id), "key_id", key_id)
        state = state_of_key(row, store.now_ms())
    say_one(row, form, {"state": state})


@keys.command()
@config_option
@_key
@click.option("--tier", help="A tier of its own.")
@click.option("--team", help="A team within the customer.")
@_called
@_expires
@tag_option
@_routes
@_models
@limit_option
@unset_option
def change(config_path: Path, key_id: str, unset: tuple[str, ...], **given: Any) -> None:
    """Change a key; what is not named stays. --tag, --route and --model name all of them.

    \b
    turnout keys change key_0123456789abcdef --limit usd_per_day=5 --unset expires_at
    """
    asked = Asked(key_id=key_id)
    with changing(config_path, KeyStore, "keys.change", asked) as (store, told):
        before = found(store.get(key_id), "key_id", key_id)
        _place(told, before)
        row = store.change(key_id, **changes_of(given, unset, before.limits))
        told.after = document(row)
    say(f"{key_id} is changed: version {row.version}.", err=True)


@keys.command()
@config_option
@_key
@click.option(
    "--overlap",
    default="0s",
    show_default=True,
    callback=duration,
    help="For how long the old one goes on working: 30m, 24h, 7d.",
)
def rotate(config_path: Path, key_id: str, overlap: int) -> None:
    """Make a key in the place of one, and print it, once.

    It has all that the old one has; the old one works until the overlap is over.

    \b
    KEY=$(turnout keys rotate key_0123456789abcdef --overlap 24h)
    """
    asked = Asked(key_id=key_id)
    with changing(config_path, KeyStore, "keys.rotate", asked) as (store, told):
        _place(told, found(store.get(key_id), "key_id", key_id))
        key, row = store.rotate(key_id, overlap, created_by=actor().name)
        old = found(store.get(key_id), "key_id", key_id)
        told.after = document(old)
    say(key)
    ends = f"{key_id} works until {minute(old.expires_at)} UTC"
    say(f"{row.key_id} takes its place; {ends}. The key is not shown again.", err=True)


@keys.command()
@config_option
@_key
def revoke(config_path: Path, key_id: str) -> None:
    """Revoke the key with this id (see `keys list`), for good; gateways follow within a second.

    \b
    turnout keys revoke key_0123456789abcdef
    """
    asked = Asked(key_id=key_id)
    with changing(config_path, KeyStore, "keys.revoke", asked) as (store, told):
        before = found(store.get(key_id), "key_id", key_id)
        _place(told, before)
        if not store.revoke(key_id):
            raise click.ClickException(
                f"there is no working key {key_id!r}; see: turnout keys list"
            )
        told.after = document(found(store.get(key_id), "key_id", key_id))
    say(f"{key_id} is revoked.", err=True)


def _place(told: Any, before: StoredKey) -> None:
    """Have the audit log name whose key it is, and what it was."""
    told.organization, told.before = before.organization, document(before)
    told.target = Asked(before.organization, key_id=before.key_id).target
