"""From requests to the books: what a customer used is stored once, and the reports say it."""

import json

import patience
import turnoutkit
from gatewaykit import RunningGateway, config_text, start_gateway
from patience import until
from ports import free_port

BODY = {"model": "premium", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7}


def _run(*arguments: str) -> str:
    return turnoutkit.run(*arguments).stdout


def _usage(gateway, organization: str) -> dict:
    wanted = ("--by", "backend", "--organization", organization, "--format", "json")
    return json.loads(_run("usage", "--config", str(gateway.config), *wanted))


def test_each_request_is_a_row_of_usage_and_the_savings_are_told(gateway):
    key = gateway.new_key("enterprise", organization="bookkeeper")
    headers = {"authorization": f"Bearer {key}"}
    for model in ("premium", "premium", "moe"):
        answer = patience.post(
            f"{gateway.url}/chat/completions", json=BODY | {"model": model}, headers=headers
        )
        assert answer.status_code == 200
    until(lambda: _usage(gateway, "bookkeeper")["total"]["requests"] == 3)
    report = _usage(gateway, "bookkeeper")
    rows = {row["backend"]: row for row in report["rows"]}
    assert rows["premium"]["requests"] == 2
    assert rows["premium"]["output_tokens"] == 14
    assert rows["moe"]["requests"] == 1
    words = ("--against", "premium", "--format", "json")
    result = json.loads(_run("savings", "--config", str(gateway.config), *words))
    lines = {line["backend"]: line for line in result["backends"]}
    assert 0 < lines["moe"]["saved"] < 1
    assert lines["premium"]["saved"] < lines["moe"]["saved"]
    assert lines["total"]["requests"] >= 3


def test_ledger_journal_and_database_agree(gateway):
    assert _run("ledger", "check", "--config", str(gateway.config)).endswith("no drift\n")


def test_keys_books_and_opinions_are_kept_where_the_configuration_says(
    database, tmp_path, simulators
):
    port, (seen, urls) = free_port(), simulators
    config = config_text(port, urls | {"local": urls["moe"]}, database=database)
    with start_gateway(tmp_path, config) as process:
        try:
            gateway = RunningGateway(tmp_path, port, seen)
            gateway.until_ready(process)
            key = gateway.new_key("enterprise", organization="keeper")
            headers = {"authorization": f"Bearer {key}"}
            url = f"{gateway.url}/chat/completions"
            answer = patience.post(url, json=BODY | {"model": "auto"}, headers=headers)
            assert answer.status_code == 200
            opinion = {"decision": answer.headers["x-turnout-decision"], "score": 1.0}
            judged = patience.post(f"{gateway.url}/feedback", json=opinion, headers=headers)
            assert judged.status_code == 202
            until(lambda: _usage(gateway, "keeper")["total"]["requests"] == 1)
            until(lambda: _run("outcomes", "--config", str(gateway.config)))
        finally:
            process.terminate()
