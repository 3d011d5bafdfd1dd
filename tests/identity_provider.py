"""An identity provider: its keys over HTTP, and tokens that they sign."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from router.simulator.exchange import SimulatedExchange

AUDIENCE = "turnout"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key; of the same name it is the same one, since making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class IdentityProvider:
    """An ASGI application. `served` says what is answered at each path, in JSON; `asked` counts.

    `url` is set once it listens.
    """

    key_id: str = "one"
    key: Any = field(default_factory=lambda: rsa_key("one"))
    url: str = ""
    asked: int = 0
    status: int = 200
    claims: dict[str, Any] = field(default_factory=dict)

    def rotate(self, key_id: str) -> None:
        """Have another key from now on, and no longer the one before."""
        self.key, self.key_id = rsa_key(key_id), key_id

    def keys(self) -> dict[str, Any]:
        """The key set."""
        public = self.key.public_key()
        algorithm: Callable[..., Any] = RSAAlgorithm.to_jwk
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            algorithm = ECAlgorithm.to_jwk
        return {"keys": [json.loads(algorithm(public)) | {"kid": self.key_id, "use": "sig"}]}

    def token(self, algorithm: str = "RS256", key: Any = None, **claims: Any) -> str:
        """A token; None takes a claim away."""
        all_claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice",
            "exp": int(time.time()) + 600,
            "org": "acme",
        } | self.claims
        all_claims |= claims
        kept = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode(kept, key or self.key, algorithm, headers={"kid": self.key_id})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        exchange = SimulatedExchange(receive, send)
        await exchange.body()
        self.asked += 1
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
            },
            "/keys": self.keys(),
        }
        await exchange.reply(self.status, documents[scope["path"]])
