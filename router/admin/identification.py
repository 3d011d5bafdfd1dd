"""Who asks the admin API: by the token of turnout.yaml, a credential, or a provider's token."""

import hashlib
import hmac
import logging
from typing import Final

from starlette.requests import Request

from router.admin.parts import Parts
from router.api.authorized import doubted
from router.auth.roles import Administrator, Role
from router.auth.tokens.issuer import AdminBearer, looks_like_one, subject_id
from router.database import DatabaseError
from router.errors import PermissionDenied, Unauthenticated, Unavailable

_LOG = logging.getLogger("turnout")
TOKEN: Final = "turnout.yaml"  # noqa: S105 # the credential that is no row
_NAME: Final = "token of turnout.yaml"
_WANTED: Final = "Send an admin credential, or the admin token of turnout.yaml, as a bearer token."
_NO_ROLE: Final = "No group of this token has a role here (admin.tokens of turnout.yaml)."
_SEALED: Final = b"turnout answers to subjects, format 1 "
_LONGEST: Final = 300  # characters of who did something, in the audit log
_CHALLENGE: Final = (("www-authenticate", "Bearer"),)


async def identified(request: Request, parts: Parts) -> Administrator:
    """Return who asks. Raises Unauthenticated; LimitExceeded where too many did in vain;
    PermissionDenied where a token's subject has no role."""
    scheme, _, sent = request.headers.get("authorization", "").encode("latin-1").partition(b" ")
    secret = sent.strip()
    try:
        if scheme.lower() == b"bearer" and secret:
            return await _bearer(secret, parts)
        raise Unauthenticated(_WANTED)
    except Unauthenticated as error:
        wanted = Unauthenticated(error.message, headers=_CHALLENGE)
    raise doubted(request, parts.gateway.door, wanted)


async def _bearer(secret: bytes, parts: Parts) -> Administrator:
    token = parts.section.token.get_secret_value().encode()
    if hmac.compare_digest(secret, token):
        return Administrator(TOKEN, _NAME, Role.OWNER, None, secret)
    if parts.tokens is not None and looks_like_one(secret):
        return _of_token(parts.tokens.read(secret), token)
    known = parts.stores.credentials.identify
    try:
        who = await parts.threads.run(lambda: known(secret))
    except DatabaseError:
        _LOG.exception("cannot read the credentials of administrators")
        raise Unavailable("The database does not answer.") from None
    if who is None:
        raise Unauthenticated(_WANTED)
    return who


def _of_token(bearer: AdminBearer, key: bytes) -> Administrator:
    if bearer.grant is None:
        raise PermissionDenied(_NO_ROLE)
    return Administrator(
        subject_id(bearer.issuer, bearer.subject),
        name_of(bearer.issuer, bearer.subject, bearer.name),
        bearer.grant.role,
        bearer.grant.organization,
        secret_of(bearer.issuer, bearer.subject, key),
        int(bearer.expires * 1000),
    )


def name_of(issuer: str, subject: str, name: str) -> str:
    """A subject as the audit log names it. What people call it may be anybody's, so it never stands
    alone."""
    who = f"{name} ({subject})" if name and name != subject else subject
    return f"{who} at {issuer}"[:_LONGEST]


def secret_of(issuer: str, subject: str, key: bytes) -> bytes:
    """What answers to a subject are sealed with: the same for its next token, and nobody's who has
    not the token of turnout.yaml."""
    return hmac.digest(key, _SEALED + f"{issuer}\n{subject}".encode(), hashlib.sha256)
