"""Who asks the admin API: by the token of turnout.yaml, a credential, a provider's token,
or a session."""

import hmac
import logging
from typing import Final

from starlette.requests import Request

from router.admin.browsers import changes_nothing, is_from
from router.admin.names import name_of, secret_of
from router.admin.parts import Parts
from router.admin.visitors import Visitors
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
_OVER: Final = "Your session is over. Sign in again at /admin/sign-in."
_FOREIGN: Final = (
    "A session changes things by pages of this address alone: Origin, or Sec-Fetch-Site, must say"
    " so (admin.public_url). Programs send a bearer token."
)
_CHALLENGE: Final = (("www-authenticate", "Bearer"),)


async def identified(request: Request, parts: Parts, visitors: Visitors | None) -> Administrator:
    """Return who asks; where a request has both, its bearer token counts and no session. Raises
    Unauthenticated; LimitExceeded where too many did in vain; PermissionDenied where a token's
    subject has no role, or another site's page sends a session."""
    scheme, _, sent = request.headers.get("authorization", "").encode("latin-1").partition(b" ")
    secret = sent.strip()
    try:
        if scheme.lower() == b"bearer" and secret:
            return await _bearer(secret, parts)
        if visitors is not None and not scheme and visitors.has_cookie(request):
            return await _visitor(request, visitors)
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


async def _visitor(request: Request, visitors: Visitors) -> Administrator:
    try:
        who = await visitors.who(request)
    except DatabaseError:
        _LOG.exception("cannot read the sessions of people")
        raise Unavailable("The database does not answer.") from None
    if who is None:
        raise Unauthenticated(_OVER)
    if not changes_nothing(request) and not is_from(request, visitors.cookies.origin):
        raise PermissionDenied(_FOREIGN)
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
