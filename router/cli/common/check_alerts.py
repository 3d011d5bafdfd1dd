"""What `turnout check` doubts of alerts: tiers that are none, places that everybody can read."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from policies.findings import Finding, suggestion
from router.backends.transport.reach import is_address, is_private_name
from router.world.config_alerts import AlertSection
from router.world.documents import Documents


def alert_findings(documents: Documents) -> list[Finding]:
    """A mistake for each tier that the policy lacks, and a warning for what is hardly meant."""
    section = documents.config.alerts
    if section is None:
        return []
    source, tiers = documents.loaded.source, documents.policy.tiers
    found = [
        source.finding(
            ("alerts", "tiers", name),
            f"unknown tier `{name}`",
            suggestion(name, tiers, what="tiers"),
            rule="alerts",
        )
        for name in section.tiers
        if name not in tiers
    ]
    if not section.to:
        message = "alerts are kept and shown, and sent to nobody"
        hint = "name a destination: `to: {ops: {slack: ${SLACK_URL}}}`"
        found.append(source.warning(("alerts",), message, hint, rule="alerts"))
    return [
        *found,
        *(
            source.warning(("alerts", "to", name), message, hint, rule="alerts")
            for name, message, hint in _readable(section)
        ),
    ]


def _readable(section: AlertSection) -> Iterator[tuple[str, str, str]]:
    """Destinations on whose way anybody may read along."""
    for name, to in section.to.items():
        address = to.webhook or to.slack
        parts = None if address is None else urlsplit(address.get_secret_value())
        if parts is not None and parts.scheme == "http" and not _is_near(parts.hostname or ""):
            yield name, "goes over the internet for all to read", "write https://"
        if to.mail is not None and to.mail.tls == "none":
            host = to.mail.server.rpartition(":")[0].strip("[]")
            if not _is_near(host):
                yield name, "sends mail for all to read", "write tls: starttls, or tls"


def _is_near(host: str) -> bool:
    """Whether a host is in a network of one's own."""
    return not ip_address(host).is_global if is_address(host) else is_private_name(host)
