"""Google: tokens of service accounts, or of the application default credentials, by google-auth."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from router.backends.credentials.bearer import BearerTokens
from router.backends.credentials.renewing import Leased
from router.backends.credentials.specs import GoogleAccount
from router.backends.credentials.table import WrongCredentials
from router.regular_files import read_regular

_MOST_BYTES: Final = 100_000  # of a service account's file
_TIMEOUT: Final = 10.0  # seconds for the token's server
_LIFE: Final = 300.0  # seconds, where a token does not say


class GoogleTokens(BearerTokens):
    """An `Authorizer` by tokens of Google."""

    def __init__(self, spec: GoogleAccount) -> None:
        """Raises WrongCredentials for a file that is not a service account's."""
        self._spec = spec
        file = spec.service_account
        self._credentials: Any = None if file is None else _of_file(file, spec.scope)
        super().__init__(self._fetch, f"google {file or 'default'}")

    def _fetch(self) -> Leased[str]:
        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[self._spec.scope])
        credentials = self._credentials
        credentials.refresh(partial(Request(), timeout=_TIMEOUT))
        if credentials.expiry is None:
            return Leased(credentials.token, _LIFE)
        left = credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)
        return Leased(credentials.token, left.total_seconds())


def _of_file(path: str, scope: str) -> Any:
    hint = "name the JSON file of a service account's key, relative to turnout.yaml"
    try:
        written = json.loads(read_regular(path, _MOST_BYTES))
        return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            written, scopes=[scope]
        )
    except OSError as error:
        raise WrongCredentials(f"cannot be read: {error.strerror}", hint) from None
    except (ValueError, KeyError, TypeError, AttributeError, GoogleAuthError):
        raise WrongCredentials("is not the file of a service account", hint) from None
