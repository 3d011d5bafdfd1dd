"""Destinations: one try to send an alert there, and what came of it. Nothing is raised.

Addresses are looked at as those of backends are (`router.backends.transport.reach`), no redirect is
followed, and every step has its time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

from router.alerts.alert import Alert
from router.alerts.mailing import MailDestination
from router.alerts.outcome import Sent
from router.alerts.signing import signed_headers
from router.alerts.wording import slack_body, webhook_body
from router.backends.backend import Timeouts
from router.backends.transport.clients import Clients
from router.backends.transport.transport import HttpAnswer, HttpCall, Target, TransportError
from router.world.config_alerts import DestinationSection

_TIMES: Final = Timeouts(connect=5.0, first_byte=15.0, between_chunks=5.0, total=20.0)
_JSON: Final = (("content-type", "application/json"), ("user-agent", "turnout-alerts/1"))
_GONE: Final = 410


class Destination(Protocol):
    """Where alerts go. `place` changes with its address, and does not tell it."""

    name: str
    place: str

    async def send(self, alert: Alert) -> Sent:
        """Try once to send an alert."""


@dataclass(frozen=True, slots=True)
class _Hook:
    """An address that takes JSON."""

    name: str
    place: str
    target: Target
    clients: Clients

    async def post(self, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> Sent:
        call = HttpCall(self.target, body, _TIMES, headers=headers)
        try:
            answer = await self.clients.client_at(self.target.url).send(call)
        except TransportError as error:
            return Sent(ok=False, said=f"the server {error.reason}")
        try:
            return _judged(answer)
        finally:
            answer.close()


class WebhookDestination:
    """A webhook, signed as Standard Webhooks says. `now` is Unix time in seconds."""

    def __init__(
        self, hook: _Hook, secrets: tuple[str, ...], now: Callable[[], float] = time.time
    ) -> None:
        self.name, self.place = hook.name, hook.place
        self._hook = hook
        self._secrets = secrets
        self._now = now

    async def send(self, alert: Alert) -> Sent:
        """Try once to send an alert."""
        body = webhook_body(alert)
        headers = signed_headers(self._secrets, alert.id, int(self._now()), body)
        return await self._hook.post(body, headers)


class SlackDestination:
    """An incoming webhook of Slack, or of whoever takes the same (Mattermost, Discord's /slack)."""

    def __init__(self, hook: _Hook) -> None:
        self.name, self.place = hook.name, hook.place
        self._hook = hook

    async def send(self, alert: Alert) -> Sent:
        """Try once to send an alert."""
        return await self._hook.post(slack_body(alert))


def destination_of(name: str, section: DestinationSection, clients: Clients) -> Destination:
    """The destination that a section of turnout.yaml describes."""
    if section.mail is not None:
        return MailDestination(name, section.mail)
    address = section.webhook or section.slack
    assert address is not None  # noqa: S101  # as the section was checked
    url = address.get_secret_value()
    place = blake2b(url.encode(), digest_size=16).hexdigest()
    hook = _Hook(name, place, Target(url, _JSON), clients)
    if section.webhook is None:
        return SlackDestination(hook)
    return WebhookDestination(hook, tuple(each.get_secret_value() for each in section.secrets))


def _judged(answer: HttpAnswer) -> Sent:
    status = answer.status
    if 200 <= status < 300:
        return Sent(ok=True, said=f"HTTP {status}")
    if status == _GONE:
        return Sent(ok=False, said="HTTP 410: it wants no more", gone=True)
    moved = ": redirects are not followed" if 300 <= status < 400 else ""
    after = answer.header("retry-after")
    wait = float(after) if after.isascii() and after.isdigit() and len(after) < 6 else 0.0
    return Sent(ok=False, said=f"HTTP {status}{moved}", wait=wait)
