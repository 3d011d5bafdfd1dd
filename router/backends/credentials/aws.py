"""AWS: every request is signed by botocore (SigV4), with keys that its own chain finds and renews.

The signature covers the address, the host, the instant and a digest of the body. The digest is
made of the request's own bytes, once, and sent along: nothing copies the body, and a long one is
digested in a thread.
"""

import asyncio
import logging
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from router.backends.credentials.renewing import Leased, Renewing
from router.backends.credentials.specs import AwsKeys
from router.backends.credentials.table import WrongCredentials
from router.backends.transport.address import address_of
from router.backends.transport.transport import HttpCall, Target
from router.protocols.headers import Pairs

_LONG: Final = 256 * 1024  # bytes; about a fifth of a millisecond of digesting
# botocore renews keys that expire within ten minutes, so those it gives are good for this long.
_LOOK_AGAIN: Final = 300.0
_DIGEST: Final = "X-Amz-Content-SHA256"

# Its debug messages hold the headers that are signed, the session's token among them.
logging.getLogger("botocore").setLevel(logging.INFO)


class _Frozen(NamedTuple):
    """Keys of one moment, with the names that botocore's signer asks for."""

    access_key: str
    secret_key: str
    token: str | None


class AwsSigner:
    """An `Authorizer` that signs."""

    def __init__(self, spec: AwsKeys) -> None:
        """Raises WrongCredentials for a profile that does not exist."""
        self._spec = spec
        self._session: Any = Session(profile=spec.profile)
        try:
            self._session.get_scoped_config()
        except BotoCoreError as error:
            hint = "name a profile of ~/.aws/config, or leave `profile` out"
            raise WrongCredentials(str(error), hint) from None
        self._keys = Renewing(self._fetch, f"aws {spec.profile or spec.access_key_id or 'default'}")

    def _fetch(self) -> Leased[_Frozen]:
        spec = self._spec
        if spec.access_key_id is not None and spec.secret_access_key is not None:
            given = _Frozen(spec.access_key_id, spec.secret_access_key, spec.session_token)
            return Leased(given, float("inf"))
        credentials = self._session.get_credentials()
        if credentials is None:
            raise LookupError("AWS's chain found no keys: environment, files, roles")
        frozen = credentials.get_frozen_credentials()
        return Leased(_Frozen(frozen.access_key, frozen.secret_key, frozen.token), _LOOK_AGAIN)

    async def headers(self, call: HttpCall) -> Pairs:
        """See `Authorizer.headers`."""
        keys = await self._keys.get()
        body = call.whole_body()
        digest = _digest(body) if len(body) < _LONG else await asyncio.to_thread(_digest, body)
        url, host = _address(call.target)
        request = AWSRequest(call.target.method, url, {"Host": host, _DIGEST: digest})
        SigV4Auth(keys, self._spec.service, self._spec.region).add_auth(request)
        return tuple([(name, value) for name, value in request.headers.items() if name != "Host"])

    def prepare(self) -> None:
        """See `Authorizer.prepare`."""
        self._keys.prepare()

    def refused(self) -> bool:
        """See `Authorizer.refused`: what is signed anew is signed with the same keys."""
        return False

    @property
    def secrets(self) -> tuple[str, ...]:
        """See `Authorizer.secrets`."""
        keys = self._keys.held
        return () if keys is None else tuple([key for key in (keys.secret_key, keys.token) if key])

    async def close(self) -> None:
        """See `Authorizer.close`."""
        await self._keys.close()


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()


@lru_cache(maxsize=1_000)
def _address(target: Target) -> tuple[str, str]:
    """The URL and the host as they are sent."""
    address = address_of(target)
    scheme = "https" if address.origin.secure else "http"
    return f"{scheme}://{address.authority}{address.path}", address.authority
