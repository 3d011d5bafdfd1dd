"""Stores of customers for a command: opened, what they refuse told, and each change logged."""

import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click

from router.audit.entry import Actor, Change
from router.audit.log import AuditLog
from router.cli.common.customer_rules import OutlineRules
from router.cli.common.documents import outline_or_end
from router.cli.common.stores import opened
from router.customers.errors import CustomerError, Invalid, Missing
from router.customers.keys import KeyStore
from router.customers.organizations import OrganizationStore
from router.customers.rules import Rules
from router.customers.store import CustomerStore
from router.customers.teams import TeamStore
from router.world.outline import Outline

Store = TypeVar("Store", bound=CustomerStore)
_PLACE: Final = "command line"
_MOST_NAMES: Final = 1_000  # that are looked through for the one that was meant


def actor() -> Actor:
    """Who changes something here: the user of this machine, as the audit log names it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        name = "unknown"
    return Actor(f"{name} @ {_PLACE}", _PLACE)


class WrongValue(click.ClickException):
    """A value that cannot be kept: what was typed is wrong, as with a wrong option."""

    exit_code = 2


class Asked(NamedTuple):
    """Whom a command names. Empty: nobody."""

    organization: str = ""
    team: str = ""
    key_id: str = ""

    @property
    def target(self) -> str:
        """As the audit log names it."""
        parts = {"organizations": self.organization, "teams": self.team, "keys": self.key_id}
        return "/".join(f"{kind}/{name}" for kind, name in parts.items() if name)


_NOBODY: Final = Asked()


@contextmanager
def reading(config_path: Path, kind: type[Store], asked: Asked = _NOBODY) -> Iterator[Store]:
    """A store to read from."""
    documents = outline_or_end(config_path)
    with opened(documents, lambda url: kind(url, OutlineRules(documents))) as store:
        try:
            yield store
        except CustomerError as error:
            raise refused(error, asked, documents) from None


@contextmanager
def changing(
    config_path: Path, kind: Callable[[str, Rules], Store], action: str, asked: Asked
) -> Iterator[tuple[Store, Change]]:
    """A store to change customers with, and what the audit log is to tell of it: all of the block
    is stored with its row of the log, or nothing.
    """
    documents = outline_or_end(config_path)
    with (
        opened(documents, lambda url: kind(url, OutlineRules(documents))) as store,
        opened(documents, open_log) as log,
    ):
        try:
            with log.change(actor(), action, asked.target, asked.organization or None) as told:
                yield store, told
        except CustomerError as error:
            raise refused(error, asked, documents) from None


def open_log(url: str) -> AuditLog:
    """The audit log of a database."""
    log = AuditLog(url)
    log.prepare()
    return log


@contextmanager
def beside(store: CustomerStore, kind: type[Store]) -> Iterator[Store]:
    """Another store of the same database and rules; what it does is a part of the same change."""
    url = store.database.engine.url.render_as_string(hide_password=False)
    other = kind(url, store.rules)
    try:
        yield other
    finally:
        other.close()


def found(row: Any, field: str, name: str) -> Any:
    """A row that is there. Raises Missing."""
    if row is None:
        raise Missing(field, f"there is no {_NOUNS[field]} {name!r}")
    return row


def refused(error: CustomerError, asked: Asked, documents: Outline) -> click.ClickException:
    """What ends a command that the store refuses, with the name that was probably meant."""
    if isinstance(error, Invalid):
        return WrongValue(str(error))
    if not isinstance(error, Missing):
        return click.ClickException(str(error))
    near = _nearest(error.field, asked, documents)
    return click.ClickException(f"{error.message}{f'; did you mean {near!r}?' if near else ''}")


def _nearest(field: str, asked: Asked, documents: Outline) -> str | None:
    """The name that is there and nearly the one that was asked for."""
    looked = _LOOKED.get(field)
    if looked is None:
        return None
    kind, page = looked
    with opened(documents, kind) as store:
        names = [getattr(row, field) for row in page(store, asked.organization)]
    near = get_close_matches(getattr(asked, field), names, 1)
    return near[0] if near else None


_NOUNS: Final = {"organization": "organization", "team": "team", "key_id": "key"}
# Where names of each kind are: a store, and a page of it.
_LOOKED: Final[Mapping[str, tuple[type[Any], Callable[[Any, str], Any]]]] = {
    "organization": (OrganizationStore, lambda store, _: store.page(most=_MOST_NAMES)),
    "team": (TeamStore, lambda store, organization: store.page(organization, most=_MOST_NAMES)),
    "key_id": (KeyStore, lambda store, of: store.page(of or None, most=_MOST_NAMES)),
}
