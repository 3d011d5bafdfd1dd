"""Credentials as an operator describes them; a backend with a key alone has none of these."""

from dataclasses import dataclass, field

COGNITIVE_SERVICES = "https://cognitiveservices.azure.com/.default"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Every request is signed (SigV4) for a service in a region.

    The keys are those given here, else those of the profile, else what AWS's own chain finds:
    environment, files, single sign-on, the container's or the machine's role.
    """

    region: str
    service: str = "bedrock"
    profile: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EntraIdentity:
    """Tokens of Microsoft Entra: of an application with a secret, else what Azure's own chain finds
    (environment, workload identity, managed identity, the command line's login).

    `client_id` without a secret names a managed identity that the machine was given.
    """

    scope: str = COGNITIVE_SERVICES
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """Tokens of Google: of a service account's file, else the application default credentials."""

    scope: str = CLOUD_PLATFORM
    service_account: str | None = None  # the path of its JSON file


Credentials = AwsKeys | EntraIdentity | GoogleAccount
