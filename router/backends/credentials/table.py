"""The kinds of credentials: one row each, with the packages that it needs."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from router.backends.credentials.authorizing import Authorizer
from router.backends.credentials.specs import AwsKeys, Credentials, EntraIdentity, GoogleAccount


class WrongCredentials(Exception):
    """They cannot be used; `hint` is what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Kind(NamedTuple):
    """`key` is its name below `credentials`; `package` is what `extra` installs, and `module` with
    `maker` what makes its authorizers: imported where a backend has such credentials."""

    key: str
    package: str
    extra: str
    module: str
    maker: str


_HERE: Final = "router.backends.credentials"
KINDS: Final[Mapping[type, Kind]] = MappingProxyType(
    {
        AwsKeys: Kind("aws", "botocore", "bedrock", f"{_HERE}.aws", "AwsSigner"),
        EntraIdentity: Kind("entra", "azure-identity", "azure", f"{_HERE}.entra", "EntraTokens"),
        GoogleAccount: Kind("google", "google-auth", "vertex", f"{_HERE}.google", "GoogleTokens"),
    }
)


def authorizer(spec: Credentials) -> Authorizer:
    """Return who authorizes calls by these credentials; asks no server yet.

    Raises WrongCredentials where they cannot be right, or where their package is not installed.
    """
    kind = KINDS[type(spec)]
    try:
        module = import_module(kind.module)
    except ModuleNotFoundError as error:
        message = f"`credentials.{kind.key}` needs {kind.package}, which is not installed"
        hint = f"pip install 'turnout[{kind.extra}]' (missing: {error.name})"
        raise WrongCredentials(message, hint) from None
    return cast("Authorizer", getattr(module, kind.maker)(spec))
