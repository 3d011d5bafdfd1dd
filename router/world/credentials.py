"""From a backend's section to what authorizes its calls, where that is more than a key."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from router.backends.catalog import Provider
from router.backends.credentials.specs import AwsKeys, Credentials, EntraIdentity, GoogleAccount
from router.backends.credentials.table import WrongCredentials, authorizer
from router.world.config import (
    AwsSection,
    BackendSection,
    CredentialSection,
    EntraSection,
    GoogleSection,
)
from router.world.problem import Problem

_KEY: Final = "credentials"
_BEDROCK: Final = "bedrock"  # the service that keys are signed for
_MANTLE: Final = "bedrock-mantle"  # and that of hosts of this name


def credentials_of(
    section: BackendSection, preset: Provider, base_url: str, folder: Path
) -> tuple[Credentials | None, list[Problem]]:
    """Return the credentials of a backend, None where a key is all; and what is wrong with them.

    Where nothing is said, those of its provider's preset count. Paths are relative to `folder`.
    """
    chosen = section.credentials
    if chosen is None:
        if preset.credentials is None or section.api_key is not None or section.api_keys:
            return None, []
        chosen = CredentialSection.model_validate({preset.credentials: {}})
    elif section.api_key is not None or section.api_keys:
        return None, [Problem(_KEY, "both a key and `credentials` are given", "leave one out")]
    given = {name: part for name in _READ if (part := getattr(chosen, name)) is not None}
    if len(given) != 1:
        return None, [
            Problem(_KEY, "not one kind of credentials is given", f"write one of: {_ALL}")
        ]
    [(kind, part)] = given.items()
    try:
        spec = _READ[kind](part, section, base_url, folder)
        authorizer(spec)
    except WrongCredentials as error:
        return None, [Problem(_KEY, _worded(kind, str(error)), error.hint)]
    return spec, []


def _worded(kind: str, message: str) -> str:
    return (
        f"`{_KEY}.{kind}` {message}" if message.startswith(("is ", "has ", "cannot ")) else message
    )


def _aws(part: AwsSection, section: BackendSection, base_url: str, _folder: Path) -> AwsKeys:
    if (part.access_key_id is None) != (part.secret_access_key is None):
        raise WrongCredentials("has half a key", "access_key_id goes with secret_access_key")
    if part.profile is not None and part.access_key_id is not None:
        raise WrongCredentials("has both a profile and a key", "leave one out")
    region = part.region or section.region
    if region is None:
        raise WrongCredentials("has no region", "write region: us-east-1, as in the address")
    host = urlsplit(base_url).hostname or ""
    return AwsKeys(
        region=region,
        service=part.service or (_MANTLE if host.startswith(f"{_MANTLE}.") else _BEDROCK),
        profile=part.profile,
        access_key_id=part.access_key_id,
        secret_access_key=_secret(part.secret_access_key),
        session_token=_secret(part.session_token),
    )


def _entra(part: EntraSection, _section: BackendSection, _url: str, _folder: Path) -> EntraIdentity:
    if part.client_secret is not None and not (part.tenant_id and part.client_id):
        raise WrongCredentials("has a secret alone", "add tenant_id and client_id")
    if part.client_secret is None and part.tenant_id is not None:
        raise WrongCredentials("has a tenant_id but no client_secret", "add it, or leave both out")
    return EntraIdentity(
        part.scope, part.tenant_id, part.client_id, _secret(part.client_secret), part.authority
    )


def _google(
    part: GoogleSection, _section: BackendSection, _url: str, folder: Path
) -> GoogleAccount:
    file = part.service_account
    return GoogleAccount(part.scope, None if file is None else str(folder / file))


def _secret(value: Any) -> str | None:
    return None if value is None else str(value.get_secret_value())


_READ: Final[Mapping[str, Callable[[Any, BackendSection, str, Path], Credentials]]] = (
    MappingProxyType({"aws": _aws, "entra": _entra, "google": _google})
)
_ALL: Final = ", ".join(_READ)
