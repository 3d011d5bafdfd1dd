"""A client that stops to read keeps nothing: no slot, no hold, no upstream, no gateway."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import patience
from gatewaykit import RunningGateway, booked, config_text, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port
from trust.endless import Endless, asking
from turnoutkit import Turnout

DEAD = "http://127.0.0.1:9/v1"
Started = tuple[RunningGateway, Turnout, Endless]
STALLED = "turnout_stalled_clients_total"


@contextmanager
def serving(folder: Path, **sections: object) -> Iterator[Started]:
    """A gateway whose backend `premium` never ends its answers."""
    endless, port = Endless(), free_port()
    with in_thread(endless) as url:
        urls = {"moe": DEAD, "premium": url, "mute": DEAD, "strict": DEAD, "local": DEAD}
        process = start_gateway(folder, config_text(port, urls, **sections))
        running = RunningGateway(folder, port, {})
        try:
            running.until_ready(process)
            yield running, process, endless
        finally:
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(LONGEST_SECONDS)
            process.kill()


def _says_503(gateway: RunningGateway) -> bool:
    return patience.get(f"{gateway.root}/readyz").status_code == 503


def test_a_client_that_reads_nothing_is_cut_off_settled_and_stops_no_gateway(tmp_path: Path):
    sections = {"stream": {"unread": "1s"}, "stop": {"notice": "10m", "drain": "20m"}}
    with serving(tmp_path, **sections) as (gateway, process, endless):
        key = gateway.new_key("enterprise", "stalls")
        with asking(gateway.address, key):
            gateway.until(lambda: gateway.counts()[STALLED] == 1)
            gateway.until(lambda: gateway.open_holds() == endless.open == 0)
        row = booked(gateway, "stalls")
        assert row["requests"] == 1
        assert row["output_tokens"] > 800  # what was delivered is paid for

        # SIGTERM: load balancers are told while it still serves; a second one ends it.
        process.terminate()
        gateway.until(lambda: _says_503(gateway))
        headers = {"authorization": f"Bearer {key}"}
        answer = patience.get(f"{gateway.url}/models", headers=headers)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        counted = {"messages": [{"role": "user", "content": "Hi"}], "model": "staff"}
        url = f"{gateway.url}/messages/count_tokens"
        answer = patience.post(url, json=counted, headers=headers)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        process.terminate()
        assert process.wait(LONGEST_SECONDS) == 0


def test_what_outlasts_the_drain_is_told_so_settled_and_waited_for_by_nobody(tmp_path: Path):
    sections = {"stream": {"unread": "10m"}, "stop": {"notice": None, "drain": "1s"}}
    with serving(tmp_path, **sections) as (gateway, process, endless):
        key = gateway.new_key("enterprise", "outlasts")
        headers, body = {"authorization": f"Bearer {key}"}, {"model": "staff", "stream": True}
        body["messages"] = [{"role": "user", "content": "Tell a story."}]
        url = f"{gateway.url}/chat/completions"
        with (
            asking(gateway.address, key),
            httpx.stream(
                "POST", url, json=body, headers=headers, timeout=LONGEST_SECONDS
            ) as answer,
        ):
            lines = answer.iter_lines()
            assert next(lines).startswith("data: {")
            gateway.until(lambda: endless.open == 2)
            process.terminate()
            told = [line for line in lines if line]
        assert '"error"' in told[-1] or '"error"' in told[-2]
        assert "stopping" in "".join(told[-2:])
        assert process.wait(LONGEST_SECONDS) == 0
        assert booked(gateway, "outlasts")["requests"] == 2
