"""Tokens, checked and read: by the keys of their issuer, for this audience, and in time.

The one file, with `key_sets`, that knows PyJWT, which is an extra: import it by name alone.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import jwt

from router.auth.tokens.issuer import Bearer, Issuer
from router.auth.tokens.key_sets import KeySet
from router.errors import Unauthenticated, Unavailable, retry_after

_MOST_BYTES: Final = 8_192
_MOST_KNOWN: Final = 20_000
_LEEWAY: Final = 30.0  # seconds that clocks may be apart
_LONGEST: Final = 128  # characters of a name
_MOST_TAGS: Final = 64
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})  # no logout tokens
_WRONG: Final = "The token is not valid here: "
_REQUIRED: Final = ["exp", "iss", "aud", "sub"]


class Tokens:
    """Reads tokens; a token that was checked is known by its hash until it expires."""

    def __init__(self, issuers: Sequence[Issuer], now: Callable[[], float] = time.time) -> None:
        self._issuers = {each.issuer: each for each in issuers}
        self._sets = {each.issuer: KeySet(each.issuer, each.keys) for each in issuers}
        self._now = now
        self._known: dict[bytes, Bearer] = {}
        self._changes = 0
        self._tasks: list[asyncio.Task[None]] = []

    def read(self, token: bytes) -> Bearer:
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

    def _read(self, token: bytes) -> Bearer:
        if len(token) > _MOST_BYTES:
            raise _wrong(f"it has more than {_MOST_BYTES:,} bytes.")
        try:
            header = jwt.get_unverified_header(token)
            claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _wrong("it is not a JSON Web Token.") from None
        issuer = self._issuers.get(claimed) if isinstance(claimed, str) else None
        if issuer is None:
            raise _wrong("nobody here knows its issuer.")
        if str(header.get("typ", "jwt")).lower() not in _TYPES:
            raise _wrong("it is of another type.")
        return _bearer(issuer, self._checked(token, header, issuer))

    def _checked(self, token: bytes, header: Mapping[str, Any], issuer: Issuer) -> dict[str, Any]:
        keys = self._sets[issuer.issuer]
        key_id = header.get("kid")
        key = keys.get(key_id if isinstance(key_id, str) else None)
        if key is None:
            if keys.ask_again():
                raise Unavailable(
                    "The keys of this token's issuer are being fetched. Please try again.",
                    headers=retry_after(1_000),
                )
            raise _wrong("its issuer has no such key.")
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


def _bearer(issuer: Issuer, claims: Mapping[str, Any]) -> Bearer:
    organization = _name(claims, issuer.organization)
    if organization is None:
        raise _wrong(f"its claim {issuer.organization} names no organization.")
    tier = _name(claims, issuer.tier) if issuer.tier else None
    if issuer.tier and tier is None:
        raise _wrong(f"its claim {issuer.tier} names no tier.")
    tags = _claim(claims, issuer.tags) if issuer.tags else ()
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


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its path; a claim whose very name holds the dots goes before (URLs do)."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _name(claims: Mapping[str, Any], path: str) -> str | None:
    found = _claim(claims, path)
    fits = isinstance(found, str) and 0 < len(found) <= _LONGEST and found.isprintable()
    return found if fits else None


def _words(found: Any) -> tuple[str, ...]:
    words = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    fit = [word for word in words if isinstance(word, str) and 0 < len(word) <= _LONGEST]
    return tuple(dict.fromkeys(fit))[:_MOST_TAGS]
