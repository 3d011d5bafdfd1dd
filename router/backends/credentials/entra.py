"""Microsoft Entra: tokens by azure-identity."""

import logging
import time
from typing import Any

from azure.identity import ClientSecretCredential, DefaultAzureCredential

from router.backends.credentials.bearer import BearerTokens
from router.backends.credentials.renewing import Leased
from router.backends.credentials.specs import EntraIdentity
from router.backends.credentials.table import WrongCredentials

# It says at length what the failure says in one line, which is in our log.
logging.getLogger("azure").setLevel(logging.ERROR)


class EntraTokens(BearerTokens):
    """An `Authorizer` by tokens of Entra."""

    def __init__(self, spec: EntraIdentity) -> None:
        """Raises WrongCredentials for an identity that cannot be one."""
        try:
            self._credential = _credential(spec)
        except ValueError as error:
            hint = "look at tenant_id, client_id and authority"
            raise WrongCredentials(str(error), hint) from None
        self._scope = spec.scope
        super().__init__(self._fetch, f"entra {spec.client_id or 'default'}")

    def _fetch(self) -> Leased[str]:
        token = self._credential.get_token(self._scope)
        return Leased(token.token, token.expires_on - time.time())


def _credential(spec: EntraIdentity) -> ClientSecretCredential | DefaultAzureCredential:
    # Another authority than the public one (a national cloud) is taken at the operator's word.
    where: dict[str, Any] = {}
    if spec.authority is not None:
        where = {"authority": spec.authority, "disable_instance_discovery": True}
    if spec.client_secret is None:
        return DefaultAzureCredential(managed_identity_client_id=spec.client_id, **where)
    return ClientSecretCredential(
        spec.tenant_id or "", spec.client_id or "", spec.client_secret, **where
    )
