"""The page of alerts at the administrators' listener, over a real database."""

import asyncio

import pytest
from adminkit import V1, Admin, admin_of

from router.alerts.active import Active
from router.alerts.alert import Event
from router.alerts.alerts import Alerts
from router.alerts.store import AlertStore


@pytest.fixture
async def admin(database):
    async with admin_of(database) as running:
        yield running


async def test_what_was_told_is_listed_and_shown_without_scripts(admin: Admin, database: str):
    await admin.ask("GET /alerts", to=404)
    store = await asyncio.to_thread(AlertStore, database)
    nothing = None
    admin.parts.gateway.alerts = Alerts(Active(), store, nothing, nothing, nothing)  # type: ignore[arg-type]
    assert "Nothing was told yet" in (await admin.client.get(f"{V1}/alerts/page")).text
    evil = "<script>alert(1)</script>"
    alert = Event("a", 1, "budget.threshold", f"{evil} used 80 %.", evil).alert(1_700_000_000_000)
    await asyncio.to_thread(store.add, alert, {"ops": "p", evil: "p"}, most=5)
    (told,) = (await admin.ask("GET /alerts"))["items"]
    assert (told["type"], told["at"]) == ("budget.threshold", "2023-11-14T22:13:20Z")
    assert [way["state"] for way in told["deliveries"]] == ["waiting", "waiting"]
    page = await admin.client.get(f"{V1}/alerts/page")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    assert "default-src 'none'" in page.headers["content-security-policy"]
    store.close()
