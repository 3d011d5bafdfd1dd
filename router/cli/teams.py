"""`turnout teams`: the teams of an organization, and of which team each is a part."""

from pathlib import Path
from typing import Any

import click

from router.cli.common.customer_documents import document, say_documents, say_one
from router.cli.common.customer_options import (
    changes_of,
    format_option,
    limit_option,
    minute,
    organization_option,
    read_limits,
    tag_option,
    unset_option,
)
from router.cli.common.customers import Asked, changing, found, reading
from router.cli.common.documents import config_option
from router.cli.common.saying import say, say_rows
from router.customers.records import StoredTeam
from router.customers.teams import TeamStore

_ALL = 10**9
_name = click.argument("name")
_parent = click.option("--parent", help="The team that it is a part of.")


@click.group()
def teams() -> None:
    """Make, list, change and remove the teams of an organization.

    \b
    turnout teams create research --organization acme --limit tokens_per_day=100000
    turnout keys create --organization acme --team research
    """


@teams.command()
@config_option
@organization_option
@_name
@_parent
@tag_option
@limit_option
def create(
    *,
    config_path: Path,
    organization: str,
    name: str,
    parent: str | None,
    tags: tuple[str, ...],
    limits: tuple[str, ...],
) -> None:
    """Make a team.

    \b
    turnout teams create nlp --organization acme --parent research
    """
    asked = Asked(organization, name)
    with changing(config_path, TeamStore, "teams.create", asked) as (store, told):
        row = store.create(organization, name, parent=parent, tags=tags, limits=read_limits(limits))
        told.after = document(row)
    say(f"{name} is a team of {organization}.", err=True)


@teams.command("list")
@config_option
@organization_option
@format_option
def list_teams(config_path: Path, organization: str, form: str) -> None:
    """List the teams of an organization.

    \b
    turnout teams list --organization acme
    """
    with reading(config_path, TeamStore, Asked(organization)) as store:
        rows = store.page(organization, most=_ALL)
    if form == "json":
        say_documents(rows)
        return
    say_rows(("Team", "Part of", "Tags", "Own limits", "Created (UTC)"), map(_line, rows))


def _line(row: StoredTeam) -> tuple[str | None, ...]:
    limits = ", ".join(row.limits)
    return row.team, row.parent, ", ".join(row.tags), limits, minute(row.created_at)


@teams.command()
@config_option
@organization_option
@_name
@format_option
def show(config_path: Path, organization: str, name: str, form: str) -> None:
    """Show one team.

    \b
    turnout teams show research --organization acme
    """
    with reading(config_path, TeamStore, Asked(organization, name)) as store:
        row = found(store.get(organization, name), "team", name)
    say_one(row, form)


@teams.command()
@config_option
@organization_option
@_name
@_parent
@tag_option
@limit_option
@unset_option
def change(
    config_path: Path, organization: str, name: str, unset: tuple[str, ...], **given: Any
) -> None:
    """Change a team; what is not named stays. --tag names all of its tags.

    \b
    turnout teams change nlp --organization acme --limit concurrency=4 --unset parent
    """
    asked = Asked(organization, name)
    with changing(config_path, TeamStore, "teams.change", asked) as (store, told):
        before = found(store.get(organization, name), "team", name)
        told.before = document(before)
        row = store.change(organization, name, **changes_of(given, unset, before.limits))
        told.after = document(row)
    say(f"{name} is changed: version {row.version}.", err=True)


@teams.command()
@config_option
@organization_option
@_name
def remove(config_path: Path, organization: str, name: str) -> None:
    """Remove a team that has neither working keys nor teams within it.

    \b
    turnout teams remove nlp --organization acme
    """
    asked = Asked(organization, name)
    with changing(config_path, TeamStore, "teams.remove", asked) as (store, told):
        told.before = document(found(store.get(organization, name), "team", name))
        store.remove(organization, name)
    say(f"{name} is no team of {organization} any more.", err=True)
