"""What was told, when, to whom, and what could not be: as JSON, and as a page for eyes."""

from html import escape
from typing import Annotated, Any, Final

from fastapi import Query

from router.admin.call import Answer, Call, Calling
from router.admin.models import Told, instant
from router.admin.problems import not_found
from router.admin.routing import AdminRoutes
from router.alerts.alert import Alert
from router.alerts.store import Told as Delivered
from router.printable import printable

routes: Final = AdminRoutes("alerts")
_MOST: Final = 500
Most = Annotated[int, Query(ge=1, le=_MOST)]
_HTML: Final = "text/html; charset=utf-8"
_MAY_DO: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The icon, which is none, keeps browsers from asking for one.
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Turnout: alerts</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --line: #8885;
  --bad: light-dark(#a00, #f88); --quiet: light-dark(#666, #aaa); }}
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 90em;
  padding: 0 1.5em; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid var(--line); padding: .5em .8em .5em 0; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }}
th, time {{ color: var(--quiet); font-weight: normal; white-space: nowrap; }}
.critical, .failed, .dropped {{ color: var(--bad); }}
@media (max-width: 50em) {{
  body {{ margin: 1em auto; padding: 0 1em; }}
  tr:first-child {{ display: none; }}
  tr {{ border-bottom: 1px solid var(--line); display: block; padding: .6em 0; }}
  td {{ border: 0; display: block; padding: 0; }}
  td:nth-child(2) {{ font-weight: 600; }}
  td:empty {{ display: none; }}
}}
</style></head><body><h1>Alerts</h1>
{table}
</body></html>
"""
_TABLE: Final = """<table>
<tr><th>When (UTC)</th><th>What</th><th>Whose</th><th>Told</th><th>To whom</th></tr>
{rows}
</table>"""
_NONE: Final = "<p>Nothing was told yet.</p>"


class AlertDelivery(Told):
    """How an alert got to a destination: `state` is waiting, sent, failed, dropped or disabled,
    `said` what came back last."""

    to: str
    state: str
    tries: int
    done_at: str | None
    said: str


class AlertTold(Told):
    """One alert. `organization` is empty where it is about the gateway."""

    id: str
    type: str
    severity: str
    at: str
    organization: str
    text: str
    facts: dict[str, Any]
    deliveries: list[AlertDelivery]


class AlertList(Told):
    """The latest alerts, newest first."""

    items: list[AlertTold]


@routes.serve("GET", "/alerts", "alerts.read", AlertList)
def list_alerts(call: Calling, limit: Most = 100) -> Answer:
    """The latest alerts, newest first, each with how it got to its destinations."""
    return Answer(AlertList(items=[_told(alert, ways) for alert, ways in _recent(call, limit)]))


@routes.serve("GET", "/alerts/page", "alerts.read", "text/html")
def show_alerts(call: Calling, limit: Most = 100) -> Answer:
    """The same as a page of HTML, without scripts."""
    rows = "\n".join(_row(alert, ways) for alert, ways in _recent(call, limit))
    table = _TABLE.format(rows=rows) if rows else _NONE
    page = _PAGE.format(table=table)
    return Answer(None, text=page, media_type=_HTML, may_do=_MAY_DO)


def _recent(call: Call, limit: int) -> list[tuple[Alert, list[Delivered]]]:
    alerts = call.parts.gateway.alerts
    if alerts is None:
        raise not_found("section `alerts` in turnout.yaml")
    return alerts.store.recent(limit)


def _told(alert: Alert, ways: list[Delivered]) -> AlertTold:
    return AlertTold(
        id=alert.id,
        type=alert.kind,
        severity=alert.severity,
        at=instant(alert.at),
        organization=alert.organization,
        text=alert.text,
        facts=dict(alert.facts),
        deliveries=[
            AlertDelivery(
                to=way.destination,
                state=way.state,
                tries=way.tries,
                done_at=None if way.done_at is None else instant(way.done_at),
                said=way.said,
            )
            for way in ways
        ],
    )


def _row(alert: Alert, ways: list[Delivered]) -> str:
    to = "<br>".join(
        f'<span class="{_safe(way.state)}">{_safe(way.destination)}: {_safe(way.state)}</span>'
        f" {_safe(way.said)}"
        for way in ways
    )
    cells = (
        f"<time>{instant(alert.at).replace('T', ' ')[:19]}</time>",
        f'<span class="{_safe(alert.severity)}">{_safe(alert.title)}</span>',
        _safe(alert.organization),
        _safe(alert.text),
        to,
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _safe(text: str) -> str:
    return escape(printable(text))
