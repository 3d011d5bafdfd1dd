"""Signatures of webhooks, by https://www.standardwebhooks.com: HMAC-SHA256 of id, time and body.

A receiver that checks them knows who sent a message, that nobody changed it, and, by its time and
its id, that nobody sends it again.
"""

import base64
import hmac
from collections.abc import Iterable

from router.world.config_alerts import PREFIX


def signed_headers(
    secrets: Iterable[str], message_id: str, seconds: int, body: bytes
) -> tuple[tuple[str, str], ...]:
    """The headers of a message that is sent at a Unix time. It is signed by each secret: while one
    takes the place of another, receivers may know either.
    """
    said = b".".join((message_id.encode(), str(seconds).encode(), body))
    return (
        ("webhook-id", message_id),
        ("webhook-timestamp", str(seconds)),
        ("webhook-signature", " ".join(f"v1,{_signature(secret, said)}" for secret in secrets)),
    )


def _signature(secret: str, said: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, said, "sha256")).decode()
