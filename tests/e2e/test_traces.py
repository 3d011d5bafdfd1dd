"""Traces of a real gateway at a real collector: whole trees, in their callers' traces."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import patience
import pytest
from collector import Collector, Sent, collector
from gatewaykit import RunningGateway, config_text, start_gateway
from patience import LONGEST_SECONDS, until
from ports import free_port

MARKER = "MARKER-7f3a"
CALLER = "00f067aa0ba902b7"  # the span of whoever calls
TOKEN = "collector-token-of-the-operator"
DEAD = "http://127.0.0.1:9"


@contextmanager
def traced_gateway(
    folder: Path, simulators: Any, to: str, *options: str, **traces: Any
) -> Iterator[RunningGateway]:
    """A gateway that sends traces; it is stopped well at the end, and must end well."""
    port = free_port()
    seen, urls = simulators
    section = {"to": to, "headers": {"x-api-key": TOKEN}} | traces
    config = config_text(port, urls | {"local": f"{DEAD}/v1"}, telemetry={"traces": section})
    process = start_gateway(folder, config, *options)
    running = RunningGateway(folder, port, seen)
    try:
        running.until_ready(process)
        yield running
        process.terminate()
        assert process.wait(LONGEST_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def at_collector(tmp_path_factory, simulators) -> Iterator[tuple[RunningGateway, Collector]]:
    """A gateway that draws no request itself, and the collector that it sends to."""
    folder = tmp_path_factory.mktemp("traced")
    with collector() as kept, traced_gateway(folder, simulators, kept.url, sample=0) as gateway:
        gateway.key("enterprise")
        yield gateway, kept


def ask(gateway: RunningGateway, trace_id: str = "", flags: str = "01", **body: Any):
    """One request, in a caller's trace if one is named."""
    headers = {"authorization": f"Bearer {gateway.key('enterprise')}"}
    if trace_id:
        headers["traceparent"] = f"00-{trace_id}-{CALLER}-{flags}"
    messages = [{"role": "user", "content": f"{MARKER} Count to five."}]
    body = {"model": "moe", "messages": messages, "max_tokens": 20} | body
    return patience.post(f"{gateway.url}/chat/completions", json=body, headers=headers)


def arrived(kept: Collector, trace_id: str) -> list[Sent]:
    """The spans of a trace, once they have come."""
    until(lambda: kept.trace(trace_id))
    return kept.trace(trace_id)


def test_a_request_is_a_span_of_its_callers_trace_and_its_backend_goes_on_with_it(at_collector):
    gateway, kept = at_collector
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = ask(gateway, trace_id)
    assert answer.status_code == 200
    server, client = arrived(kept, trace_id)
    assert (server.kind, server.name) == ("SERVER", "POST /v1/chat/completions")
    assert server.parent == CALLER
    assert (client.kind, client.name) == ("CLIENT", "chat simulated-moe")
    assert client.parent == server.span
    sent_on = gateway._simulators["moe"].last_headers["traceparent"]
    assert sent_on == f"00-{trace_id}-{client.span}-01"
    assert server.start <= client.start < client.end <= server.end
    told = server.attributes
    assert told["turnout.request.id"] == answer.headers["x-turnout-decision"]
    assert told["turnout.organization"] == "enterprise-customer"
    assert told["turnout.kept"] == "caller"
    assert (told["turnout.route"], told["turnout.backend"]) == ("auto", "moe")
    assert (told["http.response.status_code"], told["turnout.outcome"]) == (200, "completed")
    usage = answer.json()["usage"]
    assert client.attributes["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert client.attributes["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    assert client.attributes["gen_ai.response.id"] == answer.json()["id"]
    reasons = [choice["finish_reason"] for choice in answer.json()["choices"]]
    assert client.attributes["gen_ai.response.finish_reasons"] == reasons
    assert client.attributes["gen_ai.response.model"] == answer.json()["model"]
    assert client.attributes["gen_ai.provider.name"] == "openai"
    events = sorted(server.events.items(), key=lambda event: event[1])
    assert [name for name, _ in events] == ["turnout.decide", "turnout.hold", "turnout.settle"]
    assert server.start <= events[0][1] <= events[1][1] <= client.start
    assert client.end <= events[2][1] == server.end
    assert server.resource["service.name"] == "turnout"
    assert server.schema == "https://opentelemetry.io/schemas/gen-ai/1.42.0"


def test_a_stream_tells_when_it_began_and_why_it_ended(at_collector):
    gateway, kept = at_collector
    trace_id = "a" * 32
    assert ask(gateway, trace_id, stream=True).status_code == 200
    server, client = arrived(kept, trace_id)
    told = client.attributes
    assert told["gen_ai.request.stream"] is server.attributes["gen_ai.request.stream"] is True
    duration = (client.end - client.start) / 1e9
    assert 0 < told["gen_ai.response.time_to_first_chunk"] <= duration
    assert told["gen_ai.response.finish_reasons"] in (["stop"], ["length"])
    assert told["gen_ai.usage.output_tokens"] > 0


def test_a_translated_answer_and_a_classified_prompt_are_told_alike(at_collector):
    gateway, kept = at_collector
    trace_id = "b" * 32
    headers = {
        "x-api-key": gateway.key("enterprise"),
        "traceparent": f"00-{trace_id}-{CALLER}-01",
    }
    messages = [{"role": "user", "content": f"{MARKER} Which planet is red?"}]
    body = {"model": "auto", "max_tokens": 20, "messages": messages}
    answer = patience.post(f"{gateway.url}/messages", json=body, headers=headers)
    assert answer.status_code == 200
    server, *_, client = arrived(kept, trace_id)
    assert server.name == "POST /v1/messages"
    assert client.attributes["gen_ai.operation.name"] == "chat"
    assert client.attributes["gen_ai.response.finish_reasons"] == [answer.json()["stop_reason"]]
    assert "turnout.classify" in server.events


def test_what_fails_is_kept_whatever_was_drawn_with_every_try(at_collector):
    gateway, kept = at_collector
    answer = ask(gateway, model="falls-back")
    assert answer.status_code == 200
    name = answer.headers["x-turnout-decision"]

    def mine() -> list[Sent]:
        return [one for one in kept.spans() if one.attributes.get("turnout.request.id") == name]

    until(mine)
    server, gone, moe = kept.trace(mine()[0].trace)
    assert server.parent == ""
    assert server.attributes["turnout.kept"] == "failed"
    assert server.error is None  # in the end it was answered
    assert gone.attributes["error.type"] == "connect"
    assert gone.attributes["server.port"] == 9
    assert gone.error
    assert moe.error is None
    assert [one.attributes["turnout.attempt"] for one in (gone, moe)] == [1, 2]
    assert gone.end <= moe.start


def test_a_request_that_no_backend_answers_is_an_error(at_collector):
    gateway, kept = at_collector
    trace_id = "c" * 32
    assert ask(gateway, trace_id, model="broken").status_code == 502
    server, *tries = arrived(kept, trace_id)
    assert (server.error, server.attributes["error.type"]) == ("UpstreamFailed", "UpstreamFailed")
    assert server.attributes["http.response.status_code"] == 502
    assert {one.attributes["http.response.status_code"] for one in tries} == {500}


def test_a_callers_word_that_its_trace_is_not_kept_counts(at_collector):
    gateway, kept = at_collector
    unwanted, wanted = "d" * 32, "e" * 32
    assert ask(gateway, unwanted, flags="00").status_code == 200
    sent_on = gateway._simulators["moe"].last_headers["traceparent"]
    assert re.fullmatch(rf"00-{unwanted}-[0-9a-f]{{16}}-00", sent_on)  # and it goes on
    assert ask(gateway, wanted).status_code == 200
    arrived(kept, wanted)
    assert kept.trace(unwanted) == []


def test_a_malformed_traceparent_is_as_none(at_collector):
    gateway, _ = at_collector
    assert ask(gateway, "not-a-trace").status_code == 200
    sent_on = gateway._simulators["moe"].last_headers["traceparent"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-02", sent_on)


def test_spans_are_counted_among_the_metrics(at_collector):
    gateway, kept = at_collector
    ask(gateway, "f" * 32)
    arrived(kept, "f" * 32)
    gateway.until(lambda: gateway.counts()['turnout_spans_total{result="exported"}'] >= 2)
    assert gateway.counts()['turnout_spans_total{result="failed"}'] == 0


def test_no_prompt_answer_or_key_reaches_the_collector(at_collector):
    gateway, kept = at_collector
    texts = [{"role": role, "content": MARKER} for role in ("system", "user")]
    tool = {"type": "function", "function": {"name": MARKER, "parameters": {}}}
    odd: list[dict[str, Any]] = [
        {"stream": True},
        {"model": "broken"},
        {"model": "judged"},
        {"n": 2, "user": MARKER},
        {"messages": texts, "tools": [tool]},
        {"temperature": MARKER},
    ]
    said = ask(gateway, "2" * 32).json()["choices"][0]["message"]["content"]
    for number, more in enumerate(odd):
        ask(gateway, f"{number + 1:032x}", **more)
    for trace_id in ("2" * 32, *[f"{number + 1:032x}" for number in range(len(odd) - 1)]):
        arrived(kept, trace_id)
    sent = b"".join(kept.raw)
    for secret in (MARKER, said[:40], gateway.key("enterprise"), TOKEN):
        assert secret.encode() not in sent
    log = (gateway.folder / "gateway.log").read_text()
    assert TOKEN not in log
    assert MARKER not in log


def test_a_collector_is_told_who_sends_by_the_operators_headers(at_collector):
    gateway, kept = at_collector
    ask(gateway, "3" * 32)
    arrived(kept, "3" * 32)
    assert kept.headers["x-api-key"] == TOKEN
    assert kept.headers["content-type"] == "application/x-protobuf"
    assert kept.paths == {"/v1/traces"}


def test_a_dead_collector_costs_no_request_and_is_told_once(tmp_path, simulators):
    with traced_gateway(tmp_path, simulators, DEAD, sample=1) as gateway:
        answers = [ask(gateway) for _ in range(5)]
        gateway.until(lambda: "traces are incomplete" in (tmp_path / "gateway.log").read_text())
        answers += [ask(gateway) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 10
    log = (tmp_path / "gateway.log").read_text()
    assert log.count("traces are incomplete") == 1
    assert '"level": "error"' not in log
    assert TOKEN not in log


def test_without_tracing_a_callers_place_goes_nowhere(gateway, simulators):
    trace_id = "1" * 32
    assert ask(gateway, trace_id).status_code == 200
    assert "traceparent" not in simulators[0]["moe"].last_headers
    assert not [name for name in gateway.counts() if name.startswith("turnout_spans")]


def test_each_worker_sends_its_own_traces(tmp_path, simulators):
    workers = ("--workers", "2")
    with (
        collector() as kept,
        traced_gateway(tmp_path, simulators, kept.url, *workers, sample=1) as gateway,
    ):

        def both_sent() -> bool:
            ask(gateway)  # over a connection of its own: the kernel chooses the worker
            return len({one.resource["turnout.worker"] for one in kept.spans()}) == 2

        gateway.until(both_sent)
    instances = {one.resource["service.instance.id"] for one in kept.spans()}
    assert len(instances) == 2


HIDES = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize("command", ["check", "serve"])
def test_without_the_extra_a_command_says_what_to_install(tmp_path, simulators, command):
    (tmp_path / "sitecustomize.py").write_text(HIDES)
    urls = simulators[1] | {"local": f"{DEAD}/v1"}
    config = tmp_path / "turnout.yaml"

    def run(name: str, **more: Any) -> subprocess.CompletedProcess[str]:
        config.write_text(config_text(free_port(), urls, policy="balanced", **more))
        return subprocess.run(
            [sys.executable, "-m", "router.cli", name, "--config", str(config)],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(tmp_path), "PATH": ""},
            timeout=LONGEST_SECONDS,
            check=False,
        )

    done = run(command, telemetry={"traces": {"to": DEAD}})
    assert done.returncode == 2
    assert "traces need OpenTelemetry's exporter, which is not installed" in done.stderr
    assert "pip install 'turnout[telemetry]'" in done.stderr
    assert "Traceback" not in done.stderr
    if command == "check":
        assert run(command).returncode == 0  # who wants no traces needs no more than before
