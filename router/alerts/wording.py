"""Alerts in the words of each way to send them: JSON of a webhook, Slack's, and an e-mail.

Names come from customers: a line of Slack's takes three of its characters in another way, and a
mail's headers take no line ends, whatever a name holds.
"""

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import orjson

from router.alerts.alert import Alert, instant
from router.printable import printable


def webhook_body(alert: Alert) -> bytes:
    """The body of a webhook: type, time and data, as Standard Webhooks lay it out."""
    data: dict[str, Any] = {
        "severity": alert.severity,
        "title": alert.title,
        "text": alert.text,
        **({"organization": alert.organization} if alert.organization else {}),
        **alert.facts,
    }
    return orjson.dumps({"type": alert.kind, "timestamp": instant(alert.at), "data": data})


def slack_body(alert: Alert) -> bytes:
    """The body for an incoming webhook of Slack, and of those who take the same."""
    title, text = _for_slack(alert.title), _for_slack(alert.text)
    written = f"*{title}*\n{text}"
    section = {"type": "section", "text": {"type": "mrkdwn", "text": written[:2900]}}
    return orjson.dumps({"text": f"{title}: {text}"[:2900], "blocks": [section]})


def mail_of(alert: Alert, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The e-mail. Raises ValueError rather than write a header of two lines."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = printable(f"[Turnout] {alert.title}: {alert.text}")[:180]
    mail["Message-ID"] = f"<{alert.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    facts = "".join(f"{name}: {printable(str(value))}\n" for name, value in alert.facts.items())
    whose = f"organization: {printable(alert.organization)}\n" if alert.organization else ""
    told = f"type: {alert.kind}\ntime: {instant(alert.at)}\n"
    mail.set_content(f"{printable(alert.text)}\n\n{told}{whose}{facts}")
    return mail


def _for_slack(text: str) -> str:
    safe = printable(text)
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
