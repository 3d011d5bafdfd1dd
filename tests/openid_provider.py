"""An identity provider where people sign in: codes for whom a test approves, exchanged once."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from identity_provider import IdentityProvider

from router.simulator.exchange import SimulatedExchange

CLIENT = "turnout"
SECRET = "a secret/with+signs"


@dataclass
class OpenIdProvider(IdentityProvider):
    """An ASGI application. `more` is put into the discovery document, `spoilt` over what the token
    endpoint answers; `exchanges` is every form that came there."""

    more: dict[str, Any] = field(default_factory=dict)
    spoilt: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    exchanges: list[dict[str, str]] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)
    _codes: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)

    def approve(self, url: str, id_token: str | None = None, **claims: Any) -> str:
        """Sign somebody in where a browser was led; return where it is led back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{self.url}/authorize?")
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        said = {"aud": CLIENT, "nonce": asked["nonce"], "iat": 1, "org": None} | claims
        code = secrets.token_urlsafe(16)
        self._codes[code] = (asked, id_token or self.token(**said))
        back = {"code": code, "state": asked["state"], "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def _exchanged(self, body: bytes, authorization: str) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.exchanges.append(form)
        self.authorized.append(authorization)
        asked, id_token = self._codes.pop(form.get("code", ""), ({}, ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not asked or asked["code_challenge"] != proven:
            return 400, {"error": "invalid_grant"}
        if asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        told = {"access_token": "opaque", "token_type": "Bearer", "id_token": id_token}
        return 200, told | self.spoilt

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = SimulatedExchange(receive, send)
        body = await exchange.body()
        self.asked += 1
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        authorization = headers.get("authorization", "")
        discovery = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/me",
            "end_session_endpoint": f"{self.url}/end",
        }
        status, document = self.status, {}
        match scope["path"]:
            case "/.well-known/openid-configuration":
                document = discovery | self.more
            case "/keys":
                document = self.keys()
            case "/token" if self.status == 200:
                status, document = self._exchanged(body, authorization)
            case "/me" if self.status == 200:
                known = authorization == "Bearer opaque" and self.userinfo is not None
                status, document = (200, self.userinfo or {}) if known else (401, {})
        await exchange.reply(status, document)
