"""Alerts by e-mail, to a real SMTP server: with TLS, a login, and names that would add headers."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from ports import free_port

from router.alerts.alert import Event
from router.alerts.mailing import MailDestination
from router.world.config_alerts import MailSection

NOW = 1_700_000_000_000
ALERT = Event("x", 1, "budget.threshold", "acme used 80 %.", "acme", {"used": 800}).alert(NOW)


class Mailbox:
    """What a server took, and from whom."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message]] = []
        self.secure: list[bool] = []
        self.users: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = BytesParser(policy=default).parsebytes(envelope.original_content)
        self.mails.append((envelope.rcpt_tos, mail))
        self.secure.append(session.ssl is not None)
        return "250 OK"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _way: str, data: Any
    ) -> Any:
        assert isinstance(data, LoginPassword)
        self.users.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[str]:
    controller = Controller(mailbox, "127.0.0.1", free_port(), **options)
    controller.start()
    try:
        yield f"localhost:{controller.port}"
    finally:
        controller.stop(no_assert=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def of_server(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def mail_to(server: str, **more: Any) -> MailSection:
    return MailSection.model_validate(
        {
            "server": server,
            "sender": "turnout@example.com",
            "recipients": ["ops@example.com", "on-call@example.com"],
            **more,
        },
        strict=False,
    )


async def test_a_mail_arrives_over_starttls_after_a_login(
    of_server: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    mailbox = Mailbox()
    options = {
        "tls_context": of_server, "require_starttls": True, "auth_required": True,
        "authenticator": mailbox.authenticate,
    }  # fmt: skip
    with mail_server(mailbox, **options) as server:
        section = mail_to(server, user="turnout", password="right")
        sent = await MailDestination("mail", section, trusting).send(ALERT)
    assert sent.ok, sent.said
    ((recipients, mail),) = mailbox.mails
    assert recipients == ["ops@example.com", "on-call@example.com"]
    assert mailbox.secure == [True]
    assert mail["Subject"] == "[Turnout] Budget used: acme used 80 %."
    body = mail.get_content()  # type: ignore[attr-defined]
    assert "organization: acme" in body
    assert "used: 800" in body


async def test_tls_from_the_first_byte_and_a_certificate_of_strangers(
    of_server: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox, ssl_context=of_server) as server:
        section = mail_to(server, tls="tls")
        assert (await MailDestination("mail", section, trusting).send(ALERT)).ok
        refused = await MailDestination("mail", section).send(ALERT)
    assert refused.said == "the mail server has no valid TLS certificate"
    assert len(mailbox.mails) == 1


async def test_a_wrong_password_is_told_and_not_shown(
    of_server: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    mailbox = Mailbox()
    options = {"tls_context": of_server, "authenticator": mailbox.authenticate}
    with mail_server(mailbox, **options) as server:
        section = mail_to(server, user="turnout", password="wrong-secret")
        sent = await MailDestination("mail", section, trusting).send(ALERT)
    assert not sent.ok
    assert "535" in sent.said
    assert "wrong-secret" not in sent.said


async def test_no_password_is_sent_to_a_server_without_tls() -> None:
    with mail_server(Mailbox()) as server:
        section = mail_to(server, user="turnout", password="right")
        sent = await MailDestination("mail", section).send(ALERT)
    assert not sent.ok


@pytest.mark.parametrize("name", ["a\r\nBcc: all@example.com", "a\nTo: x", "a\r\n.\r\nRCPT TO:<x>"])
async def test_a_customers_name_adds_no_header_and_no_command(name: str) -> None:
    mailbox = Mailbox()
    evil = Event("x", 1, "budget.threshold", f"{name} used 80 %.", name, {"key": name}).alert(NOW)
    with mail_server(mailbox) as server:
        sent = await MailDestination("mail", mail_to(server, tls="none")).send(evil)
    assert sent.ok, sent.said
    ((recipients, mail),) = mailbox.mails
    assert recipients == ["ops@example.com", "on-call@example.com"]
    assert mail["Bcc"] is None
    assert mail["To"] == "ops@example.com, on-call@example.com"
    assert mail.get_all("Subject") == [mail["Subject"]]


async def test_a_server_that_is_not_there_is_told_in_words() -> None:
    sent = await MailDestination("mail", mail_to(f"localhost:{free_port()}")).send(ALERT)
    assert not sent.ok
    assert sent.said.startswith("the mail server")
