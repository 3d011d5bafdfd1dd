"""Whose account customers' files and batches are in: one for each family of servers.

A family has one way to keep files and to run batches: OpenAI's and Anthropic's. All backends with
the address and the credential of the one that offers them are in its account, and can read its
files.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from router.backends.backend import BATCHES, FILES, Backend
from router.world.problem import Problem

OPENAI, ANTHROPIC = "openai", "anthropic"
# The families, by the dialects of their servers.
FAMILIES: Final[Mapping[str, str]] = MappingProxyType(
    {"openai": OPENAI, "responses": OPENAI, "anthropic": ANTHROPIC}
)


def wrong_offers(offers: Sequence[str], dialect: str) -> list[Problem]:
    """What a backend of this dialect cannot offer."""
    if offers and dialect not in FAMILIES:
        hint = f"of these: {', '.join(sorted(FAMILIES))}"
        return [Problem("offers", f"`{dialect}` servers keep no files or batches here", hint)]
    if BATCHES in offers and FILES not in offers and FAMILIES[dialect] == OPENAI:
        hint = "write offers: [files, batches]"
        return [Problem("offers", "batches of OpenAI's kind are read from files", hint)]
    return []


def offered_twice(backends: Iterable[Backend]) -> list[tuple[str, Problem]]:
    """The backends that offer what another one of their family offers already, each with why."""
    first: dict[tuple[str, str], str] = {}
    problems = []
    for backend in backends:
        for offer in sorted(backend.offers):
            other = first.setdefault((FAMILIES[backend.dialect], offer), backend.name)
            if other != backend.name:
                message = f"`{other}` offers {offer} of the same kind already"
                hint = "one account keeps what customers have: let one backend of it offer it"
                problems.append((backend.name, Problem("offers", message, hint)))
    return problems


def offering(backends: Iterable[Backend], family: str, offer: str) -> Backend | None:
    """The backend in whose account that is kept; None where there is none."""
    for backend in backends:
        if offer in backend.offers and FAMILIES[backend.dialect] == family:
            return backend
    return None


def members(backends: Iterable[Backend], backend: Backend) -> frozenset[str]:
    """The names of the backends in one account: those with its address and its credential."""
    account = _account(backend)
    return frozenset([each.name for each in backends if _account(each) == account])


def _account(backend: Backend) -> tuple[object, ...]:
    family = FAMILIES.get(backend.dialect)
    return family, backend.base_url, backend.api_key, backend.key_header, backend.credentials
