"""From requests to a receiver: a customer's budget is used, and who is to know gets a webhook."""

import json
import time

import patience
import turnoutkit
from patience import until

BODY = {"model": "moe", "messages": [{"role": "user", "content": "hi, secret-word"}]}


def test_eighty_percent_is_told_once_and_then_that_nothing_is_left(gateway, told):
    key = gateway.new_key("daily", organization="frugal")
    headers = {"authorization": f"Bearer {key}"}
    url = f"{gateway.url}/chat/completions"

    def asked() -> int:
        return int(patience.post(url, json=BODY | {"max_tokens": 1}, headers=headers).status_code)

    assert [asked() for _ in range(4)] == [200] * 4
    until(lambda: any(m.json()["data"]["threshold"] == 80 for m in thresholds(told)))
    assert [asked(), asked()] == [200, 429]
    until(lambda: any(m.json()["data"]["threshold"] == 100 for m in thresholds(told)))
    found = [m.json()["data"]["threshold"] for m in thresholds(told)]
    assert len(found) == len(set(found))
    for message in thresholds(told):
        assert message.is_genuine(time.time())
        assert b"secret-word" not in message.body
        assert key.encode() not in message.body
    listed = turnoutkit.run("alerts", "list", "--config", str(gateway.config), "--format", "json")
    ours = [each for each in json.loads(listed.stdout) if each["organization"] == "frugal"]
    assert {each["id"] for each in ours} >= {m.headers["webhook-id"] for m in thresholds(told)}
    exposed = patience.get(f"{gateway.root}/metrics").text
    assert 'turnout_alerts_total{kind="budget.threshold"}' in exposed
    assert 'turnout_alert_deliveries_total{destination="ops",result="sent"}' in exposed


def thresholds(told):
    return told.of("budget.threshold", "frugal")
