"""An identity provider, asked by OpenID Connect: authorization code, PKCE (S256), state, nonce.

Authlib writes requests and checks what is particular of ID tokens; signatures, issuer, audience and
times are checked as those of all tokens are. The one file that knows Authlib: import it by name.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oidc.core.claims import CodeIDToken
from joserfc.errors import JoseError

from router.auth.grants import claim_of, groups_of
from router.auth.sign_in import Away, Client, Pending, Person, Refused
from router.auth.tokens.fetching import (
    Unfetched,
    address_in,
    answered,
    discovered,
    document_at,
    is_safe,
)
from router.auth.tokens.issuer import Issuer
from router.auth.tokens.key_sets import REFRESH_SECONDS, KeySet
from router.auth.tokens.tokens import checked, key_id_of, name_of, subject_of, unchecked_parts
from router.errors import Unauthenticated

_BASIC, _POST, _NONE = "client_secret_basic", "client_secret_post", "none"
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
_LEEWAY: Final = 30
_AGAIN_SECONDS: Final = 2.0  # strangers can begin a sign-in: they flood nobody by it
_SAID: Final = 200  # characters of what a provider says in words


class OpenIdProvider:
    """What it says of itself is fetched when it is needed, and good for five minutes; longer while
    it does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._keys = KeySet(client.issuer, "")
        self._document: Mapping[str, Any] = {}
        self._good_until = float("-inf")
        self._away = ""  # why it could not be asked
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fetch its keys, and keep them fresh until `close`."""
        await self._keys.refresh()
        self._task = asyncio.create_task(self._keys.keep_fresh(), name="sign-in keys")

    async def close(self) -> None:
        """Stop that."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._keys.close()

    async def address(self, pending: Pending) -> str:
        """Where a browser is sent to sign in. Raises Away."""
        where = _safe(await self._told(), "authorization_endpoint")
        url, _ = self._oauth().create_authorization_url(
            where, state=pending.state, code_verifier=pending.verifier, nonce=pending.nonce
        )
        return str(url)

    async def person(self, pending: Pending, code: str, issuer: str | None) -> Person:
        """Who came back with this code. Raises Away, Refused."""
        told = await self._told()
        expected = told.get("authorization_response_iss_parameter_supported") is True
        if issuer != self._client.issuer and (issuer is not None or expected):
            raise Refused("The answer came from another identity provider.")
        tokens = await self._exchange(told, pending, code)
        id_token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access, str):
            raise Refused("The identity provider gave no ID token.")
        claims = await self._claims(id_token.encode(), pending.nonce, access)
        return await self._named(told, claims, access)

    async def farewell(self, back: str) -> str | None:
        """Where a browser signs out at the provider and is led back; None where it cannot."""
        where = await self._end()
        if where is None:
            return None
        asked = {"client_id": self._client.client_id, "post_logout_redirect_uri": back}
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"

    async def origin(self) -> str | None:
        """The origin of that."""
        where = await self._end()
        parts = urlsplit(where or "")
        return f"{parts.scheme}://{parts.netloc}" if where else None

    async def _end(self) -> str | None:
        try:
            where = (await self._told()).get("end_session_endpoint")
        except Away:
            return None
        return where if isinstance(where, str) and where.isprintable() and is_safe(where) else None

    async def _told(self) -> Mapping[str, Any]:
        if time.monotonic() >= self._good_until:
            self._good_until = time.monotonic() + _AGAIN_SECONDS  # whoever comes meanwhile
            try:
                self._document, self._away = await discovered(self._client.issuer), ""
                self._good_until = time.monotonic() + REFRESH_SECONDS
            except Unfetched as error:
                self._away = str(error)
        if not self._document:
            raise Away(self._away or "it is being asked")
        return self._document

    def _oauth(self, told: Mapping[str, Any] | None = None) -> Any:
        client = self._client
        way = _NONE
        if client.secret:
            ways = (told or {}).get("token_endpoint_auth_methods_supported")
            only = isinstance(ways, list) and _BASIC not in ways and _POST in ways
            way = _POST if only else _BASIC
        name, secret = client.client_id, client.secret
        if way == _BASIC:  # encoded, as RFC 6749 has it (2.3.1)
            name, secret = quote_plus(name), quote_plus(secret)
        return OAuth2Client(
            None,
            client_id=name if told is not None else client.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=way,
            scope=" ".join(client.scopes),
            redirect_uri=client.redirect,
            code_challenge_method="S256",
        )

    async def _exchange(
        self, told: Mapping[str, Any], pending: Pending, code: str
    ) -> Mapping[str, Any]:
        """What the code is exchanged for: asked once, for a code is good once."""
        where, oauth = _safe(told, "token_endpoint"), self._oauth(told)
        form = prepare_token_request(
            "authorization_code",
            redirect_uri=self._client.redirect,
            code=code,
            code_verifier=pending.verifier,
        )
        auth = oauth.client_auth(oauth.token_endpoint_auth_method)
        where, headers, body = auth.prepare("POST", where, dict(_FORM), form)
        try:
            status, tokens = await answered("POST", where, headers, body)
        except Unfetched as error:
            raise Away(str(error)) from None
        if status != 200:
            why = str(tokens.get("error", status))[:_SAID]
            raise Refused(f"The identity provider did not take the code ({why}).")
        return tokens

    async def _claims(self, token: bytes, nonce: str, access: str) -> dict[str, Any]:
        """The claims of an ID token that is for us, now, and for this very sign-in."""
        client = self._client
        try:
            header, _ = unchecked_parts(token)
            key = await self._keys.awaited(key_id_of(header))
            if key is None:
                raise Refused("The ID token is signed with a key that its provider has not.")
            trusted = Issuer(client.issuer, client.client_id, "", algorithms=client.algorithms)
            claims = checked(token, key, trusted)
            subject = subject_of(claims)
        except Unauthenticated as error:
            raise Refused(f"ID token: {error.message}") from None
        params = {"nonce": nonce, "client_id": client.client_id, "access_token": access}
        try:
            CodeIDToken(claims, header, params=params).validate(leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            why = f"ID token: its claims are wrong ({type(error).__name__})."
            raise Refused(why, subject) from None
        return claims

    async def _named(self, told: Mapping[str, Any], claims: dict[str, Any], access: str) -> Person:
        """Who it is; UserInfo is asked where the ID token says nothing of groups."""
        path = self._client.groups
        subject = subject_of(claims)
        if claim_of(claims, path) is None and told.get("userinfo_endpoint") is not None:
            where = _safe(told, "userinfo_endpoint")
            try:
                more = await document_at(where, {"authorization": f"Bearer {access}"})
            except Unfetched as error:
                raise Away(str(error)) from None
            if more.get("sub") != subject:  # OpenID Connect Core 1.0, 5.3.2
                raise Refused("UserInfo is about somebody else.", subject)
            claims = {**more, **claims}
        return Person(self._client.issuer, subject, name_of(claims), groups_of(claims, path))


def _safe(told: Mapping[str, Any], name: str) -> str:
    try:
        return address_in(told, name)
    except Unfetched as error:
        raise Away(str(error)) from None
