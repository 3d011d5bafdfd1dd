"""The page of alerts as a browser shows it: at a desk and on a phone, by day and by night."""

import pytest
from browserkit import NARROW, WIDE, is_too_wide
from pagegateway import OWNER, gateway
from ports import free_port

from router.alerts.alert import Event
from router.alerts.store import AlertStore, Delivery

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script></td></table>"
LONG = "a-customer-whose-name-takes-more-than-a-line-of-a-phone-" * 2
AT = 1_800_000_000_000
TOLD = [
    ("budget.threshold", "acme", "acme has used 80 % of its tokens per day today: 800 of 1,000."),
    ("balance.low", LONG, f"{LONG} has less than 5 USD left of its prepaid balance."),
    ("budget.forecast", EVIL, f"{EVIL} will have used its budget before the day ends."),
    ("backend.unhealthy", "", "premium may not be asked for 30 seconds: no connection."),
    ("backend.recovered", "", "premium answers again."),
]  # fmt: skip
FAILED = f"404 from {'https://hooks.example.com/services/T00000000/B00000000/' + 'X' * 60}"


def write(database: str) -> None:
    """Alerts, as a gateway keeps what it told."""
    store = AlertStore(database)
    for minute, (kind, whose, text) in enumerate(TOLD):
        alert = Event(str(minute), 1, kind, text, whose).alert(AT + 60_000 * minute)
        store.add(alert, {"ops": "a", "chat": "b"}, most=100)
        store.done(Delivery(alert, "ops", 0, alert.at), "sent", "204", alert.at)
        store.done(Delivery(alert, "chat", 3, alert.at), "failed", FAILED, alert.at)
    store.close()


@pytest.fixture(scope="module")
def page_address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alerts")
    database = f"sqlite:///{folder / 'turnout.db'}"
    write(database)
    with gateway(folder, free_port(), {}, database=database, alerts={"keep": "36500d"}) as admin:
        yield f"{admin}/admin/v1/alerts/page"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_of_alerts_is_read_without_scrolling_sideways(visits, page_address, width, scheme):
    page = visits.open(width, scheme, extra_http_headers=OWNER)
    page.goto(page_address)
    told = page.locator("tr").filter(has=page.locator("td"))
    texts = told.all_inner_texts()
    assert len(texts) == len(TOLD)
    for shown, (_, whose, text) in zip(texts, reversed(TOLD), strict=True):
        assert whose in shown  # a hostile name as it is written, and nothing of it done
        assert text in shown
        assert FAILED in shown
    assert page.locator("img, script").count() == 0
    visits.screenshot(page, f"{width}-{scheme}")
    assert not is_too_wide(page)
    bad = page.locator(".failed").first.evaluate("it => getComputedStyle(it).color")
    assert bad == {"light": "rgb(170, 0, 0)", "dark": "rgb(255, 136, 136)"}[scheme]
