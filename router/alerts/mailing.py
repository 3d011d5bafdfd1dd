"""E-mail: the standard library's client in a thread, to an address that was looked at before."""

import asyncio
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from hashlib import blake2b
from smtplib import SMTP, SMTP_SSL, SMTPConnectError, SMTPException
from typing import Final

from router.alerts.alert import Alert
from router.alerts.outcome import Sent
from router.alerts.wording import mail_of
from router.backends.transport.reach import Resolver
from router.backends.transport.transport import ConnectFailed
from router.printable import printable
from router.world.config_alerts import MailSection

_STEP_SECONDS: Final = 15.0
_ALL_SECONDS: Final = 60.0
_LONGEST: Final = 160


class _At(SMTP):
    """Connects to an `address` of its host, not to whatever the name leads to by then."""

    address = ""
    _host = ""  # whose certificate is asked for

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self.address, port), timeout)


class _SecureAt(SMTP_SSL):
    """The same, with TLS from the first byte."""

    address = ""
    _host = ""  # whose certificate is asked for

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        raw = socket.create_connection((self.address, port), timeout)
        return self.context.wrap_socket(raw, server_hostname=self._host)


class MailDestination:
    """A mail server and the addresses that it is to bring alerts to. `tls` is whom it trusts."""

    def __init__(self, name: str, section: MailSection, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.place = blake2b(repr((section.server, section.recipients)).encode()).hexdigest()[:32]
        self._section = section
        self._tls = tls
        self._resolver = Resolver()
        self._host, _, port = section.server.rpartition(":")
        self._host, self._port = self._host.strip("[]"), int(port)

    async def send(self, alert: Alert) -> Sent:
        """Try once to send an alert."""
        section = self._section
        try:
            mail = mail_of(alert, section.sender, section.recipients)
            async with asyncio.timeout(_ALL_SECONDS):
                address, *_ = await self._resolver.addresses(self._host, self._port)
                refused = await asyncio.to_thread(self._send, address, mail)
        except ConnectFailed as error:
            return Sent(ok=False, said=f"the mail server {error.reason}")
        except TimeoutError:
            return Sent(ok=False, said="the mail server was too slow")
        except (SMTPException, OSError, ValueError) as error:
            return Sent(ok=False, said=_words(error))
        if refused:
            return Sent(ok=True, said=f"taken, but not for {', '.join(map(printable, refused))}")
        return Sent(ok=True, said="the mail server took it")

    def _send(self, address: str, mail: EmailMessage) -> list[str]:
        """Send in this thread; returns whom it refused. Raises SMTPException, OSError."""
        section, context = self._section, self._tls or ssl.create_default_context()
        client: _At | _SecureAt = (
            _SecureAt(timeout=_STEP_SECONDS, context=context)
            if section.tls == "tls"
            else _At(timeout=_STEP_SECONDS)
        )
        client.address, client._host = address, self._host  # noqa: SLF001
        try:
            code, words = client.connect(self._host, self._port)
            if code != 220:
                raise SMTPConnectError(code, words)
            if section.tls == "starttls":
                client.starttls(context=context)
            if section.user is not None and section.password is not None:
                client.login(section.user, section.password.get_secret_value())
            refused = client.send_message(mail, section.sender, list(section.recipients))
            with suppress(SMTPException, OSError):  # it has the mail
                client.quit()
        finally:
            client.close()
        return list(refused)


def _words(error: Exception) -> str:
    """What a mail server, or the way to it, said: a code where there is one, and no secret."""
    code = getattr(error, "smtp_code", None)
    if code is not None:
        return f"the mail server said {code} ({type(error).__name__})"
    if isinstance(error, ssl.SSLError):
        return "the mail server has no valid TLS certificate"
    return printable(f"the mail server: {type(error).__name__}: {error}")[:_LONGEST]
