"""`turnout credits`: prepaid balances, and the history of what was added to them."""

import json
from pathlib import Path
from typing import Any, Final

import click

from policies.money import PICO_PER_NANO, to_pico, usd
from router.cli.common.customer_documents import document
from router.cli.common.customer_options import format_option, minute
from router.cli.common.customers import Asked, actor, beside, changing, found, reading
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.lazy import imported
from router.cli.common.saying import say, say_json, say_rows
from router.customers.credits import CreditStore
from router.customers.organizations import OrganizationStore

_LEDGER: Final = "router.cli.common.balances"
_name = click.argument("organization")


def amount_nano(text: str) -> int:
    """An amount of USD in nano-USD. Raises click.BadParameter."""
    try:
        return to_pico(text, signed=True) // PICO_PER_NANO
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}", param_hint="USD") from None


@click.group("credits")
def credits_() -> None:
    """Add to the balance of customers who pay beforehand, and list what was added.

    \b
    turnout credits add acme 50 --id invoice-17
    turnout credits balance acme
    """


@credits_.command()
@config_option
@_name
@click.argument("amount", metavar="USD")
@click.option(
    "--id", "credit_id", required=True, help="The same id adds once, however often it is sent."
)
@click.option("--note", default="", help="What people read beside it.")
def add(config_path: Path, organization: str, amount: str, credit_id: str, note: str) -> None:
    """Add dollars to a balance; a negative amount takes back (write -- before it).

    The history, the audit log and the ledger get it once for each id: send it again where anything
    went wrong on the way.

    \b
    turnout credits add acme 50 --id invoice-17 --note "bank transfer"
    turnout credits add --id refund-3 acme -- -12.50
    """
    nano = amount_nano(amount)
    asked = Asked(organization)
    with changing(config_path, CreditStore, "credits.add", asked) as (store, told):
        row, is_new = store.add(organization, credit_id, nano, by=actor().name, note=note)
        told.target = f"{asked.target}/credits/{credit_id}"
        told.after = document(row) | {"amount_usd": _usd(nano)}
    read = _credited(config_path, organization, nano, credit_id)
    if not (is_new or read.added):
        say(f"The credit {credit_id} was added before: nothing changed.")
    say(_words(read))


def _credited(config_path: Path, organization: str, nano: int, credit_id: str) -> Any:
    documents = documents_or_end(config_path)
    return imported(_LEDGER).credited(documents, organization, nano, credit_id)


@credits_.command("list")
@config_option
@_name
@format_option
def list_credits(config_path: Path, organization: str, form: str) -> None:
    """List what was added to a balance, the newest first.

    \b
    turnout credits list acme
    """
    with reading(config_path, CreditStore, Asked(organization)) as store:
        with beside(store, OrganizationStore) as organizations:
            found(organizations.get(organization), "organization", organization)
        rows = store.page(organization, most=10**9)
    if form == "json":
        shown = [document(row) | {"amount_usd": _usd(row.amount_nano)} for row in rows]
        say_json(json.dumps(shown, indent=2))
        return
    say_rows(
        ("Id", "USD", "At (UTC)", "By", "Note"),
        ((row.id, _usd(row.amount_nano), minute(row.at), row.by, row.note) for row in rows),
    )


@credits_.command()
@config_option
@_name
@format_option
def balance(config_path: Path, organization: str, form: str) -> None:
    """Show a balance: granted, used, held for requests that run, left.

    \b
    turnout credits balance acme --format json | jq -r .left_usd
    """
    with reading(config_path, OrganizationStore, Asked(organization)) as store:
        found(store.get(organization), "organization", organization)
    read = _credited(config_path, organization, 0, "read")
    if form == "json":
        shown = {f"{name}_usd": _usd(getattr(read, name)) for name in _PARTS}
        say_json(json.dumps({"organization": organization} | shown, indent=2))
    else:
        say(_words(read))


_PARTS: Final = ("granted", "used", "held", "left")


def _words(read: Any) -> str:
    return "  ".join(f"{name} {_dollars(getattr(read, name))}" for name in _PARTS)


def _dollars(nano: int) -> str:
    return f"{'-' if nano < 0 else ''}${_usd(abs(nano))}"


def _usd(nano: int) -> str:
    return usd(nano * PICO_PER_NANO, least=2)
