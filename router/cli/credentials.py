"""`turnout credentials`: what customers use at providers in place of the operator's keys."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from router.audit.entry import Change
from router.cli.common.customer_documents import document, say_documents
from router.cli.common.customer_options import format_option, minute, organization_option
from router.cli.common.customers import Asked, actor, changing, reading
from router.cli.common.documents import config_option, documents_or_end, outline_or_end
from router.cli.common.saying import say, say_rows
from router.customers.errors import Invalid, Missing
from router.customers.provider_credentials import ProviderCredentialStore
from router.customers.records import StoredCredential
from router.customers.rules import Rules
from router.customers.vault import Vault

_ALL = 10**9
_LONGEST = 8_192  # characters that are read of a secret
_backend = click.option("--backend", required=True, help="The backend, as turnout.yaml names it.")


@click.group()
def credentials() -> None:
    """Set, list and remove customers' own credentials at providers, and encrypt them anew.

    A customer's requests to that backend are then asked with its key, limited and metered as
    before. Keys are encrypted with the first of `secrets.keys` of turnout.yaml (a fresh one:
    openssl rand -base64 32), and no command shows them.

    \b
    turnout credentials set --organization acme --backend openai < key.txt
    turnout credentials list
    """


@contextmanager
def _changing(
    config_path: Path, action: str, asked: Asked
) -> Iterator[tuple[ProviderCredentialStore, Change]]:
    """A store that can encrypt; see `changing`."""
    keys = outline_or_end(config_path).secrets

    def opened(url: str, rules: Rules) -> ProviderCredentialStore:
        return ProviderCredentialStore(url, rules, vault=Vault.of(keys))

    with changing(config_path, opened, action, asked) as (store, told):
        yield store, told


@credentials.command("set")
@config_option
@organization_option
@_backend
@click.option(
    "--fallback/--alone",
    default=False,
    show_default=True,
    help="Whether the operator's key serves where this one is refused or used up.",
)
def set_credential(*, config_path: Path, organization: str, backend: str, fallback: bool) -> None:
    """Set the credential of an organization for a backend, in place of one that it has.

    The key is read from standard input, or asked for without being shown. It is never an argument:
    those are seen by everybody on the machine.

    \b
    turnout credentials set --organization acme --backend openai < key.txt
    """
    _check(config_path, backend)
    secret = _read_secret()
    asked = Asked(organization)
    with _changing(config_path, "provider_credentials.set", asked) as (store, told):
        before = store.get(organization, backend)
        told.before = None if before is None else document(before)
        row = store.put(organization, backend, secret, fallback=fallback, by=actor().name)
        told.after = document(row)
    say(f"{organization} asks {backend} with its own credential ({row.fingerprint}).", err=True)


def _check(config_path: Path, backend: str) -> None:
    """End the command where turnout.yaml has no such backend, or it takes no key of others."""
    found = documents_or_end(config_path).loaded.backends.get(backend)
    if found is None:
        raise click.BadParameter(f"turnout.yaml has no backend {backend!r}", param_hint="--backend")
    if found.credentials is not None:
        said = f"{backend!r} is authorized by a cloud's identity, which no key can stand in for"
        raise click.BadParameter(said, param_hint="--backend")


def _read_secret() -> str:
    """The key, without the line's end behind it."""
    if sys.stdin.isatty():
        given: str = click.prompt("Key", hide_input=True)
        return given
    return sys.stdin.read(_LONGEST).removesuffix("\n").removesuffix("\r")


@credentials.command("list")
@config_option
@click.option("--organization", help="Only those of this customer.")
@format_option
def list_credentials(config_path: Path, organization: str | None, form: str) -> None:
    """List who has which credentials: how they are used, and refused; never the keys.

    \b
    turnout credentials list --organization acme --format json
    """
    with reading(config_path, ProviderCredentialStore, Asked(organization or "")) as store:
        rows = store.page(organization, most=_ALL)
    if form == "json":
        say_documents(rows)
        return
    head = ("Organization", "Backend", "Fingerprint", "Falls back", "Set (UTC)", "Last used")
    say_rows((*head, "Last refused"), map(_line, rows))


def _line(row: StoredCredential) -> tuple[str | None, ...]:
    refused = f"{minute(row.refused_at)} {row.refused_why or ''}".strip()
    fallback = "yes" if row.fallback else "no"
    named = (row.organization, row.backend, row.fingerprint, fallback)
    return (*named, minute(row.updated_at), minute(row.last_used_at), refused)


@credentials.command()
@config_option
@organization_option
@_backend
def remove(config_path: Path, organization: str, backend: str) -> None:
    """Remove a credential: the organization's requests go on with the operator's.

    \b
    turnout credentials remove --organization acme --backend openai
    """
    asked = Asked(organization)
    with _changing(config_path, "provider_credentials.remove", asked) as (store, told):
        before = store.get(organization, backend)
        if before is None:
            raise Missing("backend", f"{organization!r} has no credential for {backend!r}")
        told.before = document(before)
        store.remove(organization, backend)
    say(f"{organization} asks {backend} with the operator's credential again.", err=True)


@credentials.command()
@config_option
def rekey(config_path: Path) -> None:
    """Encrypt every credential anew with the first of `secrets.keys`; then drop the old keys.

    \b
    1. put a fresh key first in secrets.keys and start the gateways again
    2. turnout credentials rekey
    3. take the old key away and start them again
    """
    with _changing(config_path, "provider_credentials.rekey", Asked()) as (store, told):
        if not outline_or_end(config_path).secrets:
            raise Invalid("secrets.keys", "names no key")
        count = store.rekey()
        told.after = {"credentials": count}
    say(f"{count} credentials are encrypted with the first key.", err=True)
