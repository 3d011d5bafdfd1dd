"""`turnout alerts`: test destinations, and list what was told."""

import asyncio
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from router.alerts.alert import Alert, instant
from router.alerts.outcome import Sent
from router.alerts.sending import Destination, destination_of
from router.alerts.store import AlertStore, Told
from router.backends.transport.clients import Clients
from router.backends.transport.proxies import EnvironmentProxies
from router.cli.common.documents import config_option, documents_or_end, outline_or_end
from router.cli.common.saying import say, say_json, say_rows
from router.cli.common.stores import opened
from router.settings import environment
from router.world.config_alerts import AlertSection
from router.world.documents import Documents


@click.group()
def alerts() -> None:
    """Test where alerts go, list what was told, and turn a destination on again."""


def _section(documents: Documents) -> AlertSection:
    section = documents.config.alerts
    if section is None:
        raise click.ClickException("turnout.yaml has no section `alerts`; see docs/alerts.md")
    return section


@alerts.command()
@config_option
@click.option("--to", "only", multiple=True, help="A destination's name; all of them without.")
def test(config_path: Path, only: tuple[str, ...]) -> None:
    """Send a test alert to each destination, now, and say what came back.

    Nothing is kept and nothing is tried again. Exit code 1 where one did not take it.
    """
    documents = documents_or_end(config_path)
    section = _section(documents)
    unknown = sorted(set(only) - set(section.to))
    if unknown:
        known = ", ".join(section.to) or "none"
        raise click.BadParameter(
            f"no destination {unknown[0]!r}; known: {known}", param_hint="--to"
        )
    names = only or tuple(section.to)
    if not names:
        raise click.ClickException("`alerts.to` names no destination; see docs/alerts.md")
    results = asyncio.run(_test(documents, section, names))
    for name, sent, seconds in results:
        say(f"{name}: {'sent' if sent.ok else 'FAILED'}: {sent.said} ({1000 * seconds:.0f} ms)")
    if not all(sent.ok for _, sent, _ in results):
        raise SystemExit(1)


async def _test(
    documents: Documents, section: AlertSection, names: Iterable[str]
) -> list[tuple[str, Sent, float]]:
    clients = Clients(documents.config.transport, EnvironmentProxies.read(environment()))
    try:
        destinations = [destination_of(name, section.to[name], clients) for name in names]
        return list(await asyncio.gather(*map(_tried, destinations)))
    finally:
        await clients.close()


async def _tried(destination: Destination) -> tuple[str, Sent, float]:
    now = time.time_ns() // 1_000_000
    text = "This is a test: alerts of this gateway get here."
    began = time.perf_counter()
    sent = await destination.send(Alert(f"alert_test_{now}", "test.sent", now, "", text))
    return destination.name, sent, time.perf_counter() - began


@alerts.command("list")
@config_option
@click.option("--limit", default=50, type=click.IntRange(1, 10_000), help="How many, at most.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for eyes, JSON for programs.",
)
def list_alerts(config_path: Path, limit: int, form: str) -> None:
    """List the latest alerts, newest first, and what became of each at each destination."""
    with opened(outline_or_end(config_path), AlertStore) as store:
        recent = store.recent(limit)
    if form == "json":
        say_json(json.dumps([_record(alert, told) for alert, told in recent], indent=2))
        return
    say_rows(("When (UTC)", "What", "Told", "To whom"), (_row(*each) for each in recent))


def _row(alert: Alert, told: list[Told]) -> tuple[str, ...]:
    at = f"{datetime.fromtimestamp(alert.at // 1000, UTC):%Y-%m-%d %H:%M}"
    return at, alert.title, alert.text, "\n".join(map(_way, told)) or "nobody"


def _way(told: Told) -> str:
    tries = f", {told.tries} tries" if told.tries > 1 else ""
    said = f": {told.said}" if told.said else ""
    return f"{told.destination} {told.state}{tries}{said}"


def _record(alert: Alert, told: list[Told]) -> dict[str, Any]:
    return {
        "id": alert.id,
        "type": alert.kind,
        "severity": alert.severity,
        "at": instant(alert.at),
        "organization": alert.organization,
        "text": alert.text,
        "facts": dict(alert.facts),
        "deliveries": [
            {
                "to": each.destination,
                "state": each.state,
                "tries": each.tries,
                "done_at": None if each.done_at is None else instant(each.done_at),
                "said": each.said,
            }
            for each in told
        ],
    }


@alerts.command()
@config_option
@click.argument("name")
def enable(config_path: Path, name: str) -> None:
    """Send to destination NAME again, which had said that it is gone (HTTP 410)."""
    with opened(outline_or_end(config_path), AlertStore) as store:
        done = store.enable(name)
    if not done:
        raise click.ClickException(f"{name!r} is not disabled; see: turnout alerts list")
    say(f"{name} gets alerts again.", err=True)
