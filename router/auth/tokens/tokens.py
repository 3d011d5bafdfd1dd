"""Tokens, checked and read: by the keys of their issuer, for this audience, and in time.

The one file, with `key_sets`, that knows PyJWT, which is an extra: import it by name alone.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Generic, Protocol, TypeVar

import jwt

from router.auth.grants import claim_of, granted, groups_of
from router.auth.tokens.issuer import AdminBearer, AdminIssuer, Bearer, Issuer
from router.auth.tokens.key_sets import KeySet
from router.errors import Unauthenticated, Unavailable, retry_after

_MOST_BYTES: Final = 8_192
_MOST_KNOWN: Final = 20_000
_LEEWAY: Final = 30.0  # seconds that clocks may be apart
_LONGEST: Final = 128  # characters of a name
_LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_MOST_TAGS: Final = 64
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})  # no logout tokens
_WRONG: Final = "The token is not valid here: "
_REQUIRED: Final = ["exp", "iss", "aud", "sub"]


class Trusted(Protocol):
    """Whose tokens are taken, and for whom they must be."""

    @property
    def issuer(self) -> str:
        """Who signs, as tokens name it."""

    @property
    def audience(self) -> str:
        """For whom tokens must be."""

    @property
    def keys(self) -> str:
        """Where the keys are; empty where discovery says it."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Of signatures; asymmetric ones alone."""


class Expires(Protocol):
    """What ends (Unix seconds)."""

    @property
    def expires(self) -> float:
        """When."""


Source = TypeVar("Source", bound=Trusted)
Read = TypeVar("Read", bound=Expires)


class Tokens(Generic[Source, Read]):
    """Reads tokens; a token that was checked is known by its hash until it expires. `read` makes
    of an issuer and the claims of its token whom that names, or raises Unauthenticated."""

    def __init__(
        self,
        issuers: Sequence[Source],
        read: Callable[[Source, Mapping[str, Any]], Read],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = {each.issuer: each for each in issuers}
        self._sets = {each.issuer: KeySet(each.issuer, each.keys) for each in issuers}
        self._made_of = read
        self._now = now
        self._known: dict[bytes, Read] = {}
        self._changes = 0
        self._tasks: list[asyncio.Task[None]] = []

    def read(self, token: bytes) -> Read:
        """Return whom a token names.

        Raises Unauthenticated, whose words say what is wrong with it and nothing of it; Unavailable
        where its key is being fetched.
        """
        name, changes = sha256(token).digest(), sum(keys.changes for keys in self._sets.values())
        if changes != self._changes:  # a key that is gone has no tokens
            self._known.clear()
            self._changes = changes
        known = self._known.get(name)
        if known is None:
            known = self._read(token)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[name] = known
        if known.expires + _LEEWAY <= self._now():
            self._known.pop(name, None)
            raise _wrong("it expired. Get a new one from whoever issued it.")
        return known

    def _read(self, token: bytes) -> Read:
        header, unchecked = unchecked_parts(token)
        claimed = unchecked.get("iss")
        issuer = self._issuers.get(claimed) if isinstance(claimed, str) else None
        if issuer is None:
            raise _wrong("nobody here knows its issuer.")
        if str(header.get("typ", "jwt")).lower() not in _TYPES:
            raise _wrong("it is of another type.")
        return self._made_of(issuer, self._checked(token, header, issuer))

    def _checked(self, token: bytes, header: Mapping[str, Any], issuer: Source) -> dict[str, Any]:
        keys = self._sets[issuer.issuer]
        key = keys.get(key_id_of(header))
        if key is None:
            if keys.ask_again():
                raise Unavailable(
                    "The keys of this token's issuer are being fetched. Please try again.",
                    headers=retry_after(1_000),
                )
            raise _wrong("its issuer has no such key.")
        return checked(token, key, issuer)

    async def start(self) -> None:
        """Fetch the keys of all issuers, and keep them fresh until `close`."""
        await asyncio.gather(*(keys.refresh() for keys in self._sets.values()))
        self._tasks = [
            asyncio.create_task(keys.keep_fresh(), name="identity keys")
            for keys in self._sets.values()
        ]

    async def close(self) -> None:
        """Stop that."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for keys in self._sets.values():
            await keys.close()


def _wrong(why: str) -> Unauthenticated:
    return Unauthenticated(_WRONG + why)


def unchecked_parts(token: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, which nobody has vouched for. Raises Unauthenticated."""
    if len(token) > _MOST_BYTES:
        raise _wrong(f"it has more than {_MOST_BYTES:,} bytes.")
    try:
        header = jwt.get_unverified_header(token)
        return header, jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _wrong("it is not a JSON Web Token.") from None


def key_id_of(header: Mapping[str, Any]) -> str | None:
    """The id of the key that a token says it is signed with."""
    key_id = header.get("kid")
    return key_id if isinstance(key_id, str) else None


def checked(token: bytes, key: jwt.PyJWK, issuer: Trusted) -> dict[str, Any]:
    """The claims of a token, once all of them are in order. Raises Unauthenticated."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(issuer.algorithms),
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=_LEEWAY,
            options={"require": _REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        raise _wrong("it expired. Get a new one from whoever issued it.") from None
    except jwt.InvalidAudienceError:
        raise _wrong("it is for another audience.") from None
    except jwt.ImmatureSignatureError:
        raise _wrong("it is not valid yet.") from None
    except jwt.MissingRequiredClaimError as error:
        raise _wrong(f"it has no {error.claim}.") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _wrong("its signature is wrong.") from None
    return claims


def subject_of(claims: Mapping[str, Any]) -> str:
    """Whom a token is about. Raises Unauthenticated where that is no name."""
    subject = claims.get("sub")
    if isinstance(subject, str) and 0 < len(subject) <= _LONGEST_SUBJECT and subject.isprintable():
        return subject
    raise _wrong("its sub is no name.")


def name_of(claims: Mapping[str, Any]) -> str:
    """What people call a subject; empty where the claims do not say it. Anybody may be called so:
    who it is, `subject_of` says."""
    return _name(claims, "preferred_username") or _name(claims, "name") or ""


def admin_bearer_of(issuer: AdminIssuer, claims: Mapping[str, Any]) -> AdminBearer:
    """Return who administers by a token."""
    return AdminBearer(
        issuer.issuer,
        subject_of(claims),
        name_of(claims),
        granted(issuer.grants, groups_of(claims, issuer.groups)),
        float(claims["exp"]),
    )


def bearer_of(issuer: Issuer, claims: Mapping[str, Any]) -> Bearer:
    """Return who asks by a token."""
    organization = _name(claims, issuer.organization)
    if organization is None:
        raise _wrong(f"its claim {issuer.organization} names no organization.")
    tier = _name(claims, issuer.tier) if issuer.tier else None
    if issuer.tier and tier is None:
        raise _wrong(f"its claim {issuer.tier} names no tier.")
    tags = claim_of(claims, issuer.tags) if issuer.tags else ()
    return Bearer(
        issuer.issuer,
        str(claims["sub"]),
        organization,
        tier,
        _name(claims, issuer.team) if issuer.team else None,
        _words(tags),
        float(claims["exp"]),
        claims,
    )


def _name(claims: Mapping[str, Any], path: str) -> str | None:
    found = claim_of(claims, path)
    fits = isinstance(found, str) and 0 < len(found) <= _LONGEST and found.isprintable()
    return found if fits else None


def _words(found: Any) -> tuple[str, ...]:
    words = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    fit = [word for word in words if isinstance(word, str) and 0 < len(word) <= _LONGEST]
    return tuple(dict.fromkeys(fit))[:_MOST_TAGS]
