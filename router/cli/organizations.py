"""`turnout organizations`: make, list, change, raise, suspend and serve customers again."""

from pathlib import Path
from typing import Any

import click

from router.cli.common.customer_documents import document, say_documents, say_one
from router.cli.common.customer_options import (
    changes_of,
    format_option,
    instant,
    limit_option,
    minute,
    read_limits,
    tag_option,
    unset_option,
)
from router.cli.common.customers import Asked, changing, found, reading
from router.cli.common.documents import config_option
from router.cli.common.saying import say, say_rows
from router.customers.organizations import OrganizationStore
from router.customers.records import StoredOrganization

_ALL = 10**9
_name = click.argument("name")
_zone = click.option("--timezone", metavar="ZONE", help="Where its days begin: Europe/Berlin.")
_day = click.option(
    "--billing-day", type=int, metavar="1-28", help="The day on which its months begin."
)


@click.group()
def organizations() -> None:
    """Make, list, change, raise, suspend and resume organizations: the customers.

    \b
    turnout organizations create acme --tier pro --timezone Europe/Berlin
    turnout keys create --organization acme
    turnout organizations raise acme --limit tokens_per_day=9000000 --until 3d
    """


@organizations.command()
@config_option
@_name
@click.option("--tier", help="A tier of the policy; left out where the policy has none.")
@_zone
@_day
@tag_option
@limit_option
def create(
    *,
    config_path: Path,
    name: str,
    tier: str | None,
    timezone: str | None,
    billing_day: int | None,
    tags: tuple[str, ...],
    limits: tuple[str, ...],
) -> None:
    """Make an organization.

    \b
    turnout organizations create acme --tier pro --limit tokens_per_day=5000000 --tag may-leave
    """
    asked = Asked(name)
    with changing(config_path, OrganizationStore, "organizations.create", asked) as (store, told):
        row = store.create(
            name,
            tier or "",
            timezone=timezone,
            billing_day=billing_day,
            tags=tags,
            limits=read_limits(limits),
        )
        told.after = document(row)
    say(
        f"{name} is there: {_tier(row)}. Make a key: turnout keys create --organization {name}",
        err=True,
    )


def _tier(row: StoredOrganization) -> str:
    return f"tier {row.tier}" if row.tier else "no tier: it may use everything"


@organizations.command("list")
@config_option
@click.option("--tier", help="Only those of this tier.")
@click.option("--suspended/--served", default=None, help="Only those.")
@format_option
def list_organizations(
    config_path: Path, tier: str | None, suspended: bool | None, form: str
) -> None:
    """List organizations by name.

    \b
    turnout organizations list --suspended
    turnout organizations list --format json | jq -r '.[].organization'
    """
    with reading(config_path, OrganizationStore) as store:
        rows = store.page(most=_ALL, tier=tier, suspended=suspended)
    if form == "json":
        say_documents(rows)
        return
    columns = ("Organization", "Tier", "Tags", "Own limits", "Created (UTC)", "State")
    say_rows(columns, map(_line, rows))


def _line(row: StoredOrganization) -> tuple[str, ...]:
    suspended = f"suspended {minute(row.suspended_at)}" if row.suspended_at else "served"
    limits = ", ".join(row.limits)
    return (
        row.organization, row.tier, ", ".join(row.tags), limits, minute(row.created_at), suspended,
    )  # fmt: skip


@organizations.command()
@config_option
@_name
@format_option
def show(config_path: Path, name: str, form: str) -> None:
    """Show all that is known of one: tier, limits of its own, raises, whether it is suspended.

    \b
    turnout organizations show acme
    """
    with reading(config_path, OrganizationStore, Asked(name)) as store:
        row = found(store.get(name), "organization", name)
    say_one(row, form)


@organizations.command()
@config_option
@_name
@click.option("--tier", help="A tier of the policy. What was used moves along.")
@_zone
@_day
@tag_option
@limit_option
@unset_option
@click.option("--version", type=int, help="Only if it is of this version still.")
def change(
    config_path: Path, name: str, unset: tuple[str, ...], version: int | None, **given: Any
) -> None:
    """Change an organization; what is not named stays. --tag names all of its tags.

    Every gateway follows within a second. A change of the tier resets nothing and needs no new key.

    \b
    turnout organizations change acme --tier enterprise
    turnout organizations change acme --limit tokens_per_day=8000000 --unset limits.concurrency
    """
    asked = Asked(name)
    with changing(config_path, OrganizationStore, "organizations.change", asked) as (store, told):
        before = found(store.get(name), "organization", name)
        told.before = document(before)
        row = store.change(name, version, **changes_of(given, unset, before.limits))
        told.after = document(row)
    say(f"{name} is changed: version {row.version}.", err=True)


@organizations.command("raise")
@config_option
@_name
@limit_option
@click.option(
    "--until", required=True, callback=instant, metavar="WHEN", help="3d, 36h, or an RFC 3339 time."
)
def raise_limits(config_path: Path, name: str, limits: tuple[str, ...], until: int) -> None:
    """Let other limits hold until a moment; then the usual ones hold again by themselves.

    \b
    turnout organizations raise acme --limit tokens_per_day=9000000 --until 2026-12-07T06:00:00Z
    """
    asked = Asked(name)
    with changing(config_path, OrganizationStore, "organizations.raise", asked) as (store, told):
        told.before = document(found(store.get(name), "organization", name))
        row = store.raise_limits(name, read_limits(limits), until)
        told.after = document(row)
    say(f"{row.raised[-1].id}: until {minute(until)} UTC. To end it: turnout organizations"
        f" end-raise {name} {row.raised[-1].id}", err=True)  # fmt: skip


@organizations.command("end-raise")
@config_option
@_name
@click.argument("raise_id")
def end_raise(config_path: Path, name: str, raise_id: str) -> None:
    """End a raise before its time (see `organizations show`).

    \b
    turnout organizations end-raise acme raise_0123456789abcdef
    """
    asked = Asked(name)
    with changing(config_path, OrganizationStore, "organizations.end_raise", asked) as (
        store,
        told,
    ):
        told.before = document(found(store.get(name), "organization", name))
        told.after = document(store.end_raise(name, raise_id))
    say(f"{raise_id} is over.", err=True)


@organizations.command()
@config_option
@_name
@click.option("--why", default="", help="Shown to whoever asks.")
def suspend(config_path: Path, name: str, why: str) -> None:
    """Serve an organization no more, within a second, at every gateway.

    \b
    turnout organizations suspend acme --why "invoice 17 is unpaid"
    """
    asked = Asked(name)
    with changing(config_path, OrganizationStore, "organizations.suspend", asked) as (store, told):
        told.before = document(found(store.get(name), "organization", name))
        told.after = document(store.suspend(name, why))
    say(f"{name} is suspended.", err=True)


@organizations.command()
@config_option
@_name
def resume(config_path: Path, name: str) -> None:
    """Serve an organization again.

    \b
    turnout organizations resume acme
    """
    asked = Asked(name)
    with changing(config_path, OrganizationStore, "organizations.resume", asked) as (store, told):
        told.before = document(found(store.get(name), "organization", name))
        told.after = document(store.resume(name))
    say(f"{name} is served.", err=True)
