"""One gateway for the tests of a session, in front of a real model and simulated ones."""

from collections.abc import Iterator

import pytest
from gatewaykit import CountingSimulator, RunningGateway, config_text, start_gateway
from hookreceiver import SECRET, Receiver, receiver
from modelservers import in_thread
from one_answer import says
from patience import LONGEST_SECONDS
from ports import free_port

from router.simulator.server import Profile


@pytest.fixture(scope="session")
def simulators():
    """The simulated backends, in this process, so that a test can see what they were sent."""
    moe = CountingSimulator("moe", Profile(first_token=0.0, per_token=0.0))
    premium = CountingSimulator("premium", Profile(first_token=0.0, per_token=0.02))
    mute, strict = says(""), says("FAIL")  # empty answers are paid for all the same
    with (
        in_thread(moe) as moe_url,
        in_thread(premium) as premium_url,
        in_thread(mute) as mute_url,
        in_thread(strict) as strict_url,
    ):
        urls = {"moe": moe_url, "premium": premium_url, "mute": mute_url, "strict": strict_url}
        yield {"moe": moe, "premium": premium}, urls


@pytest.fixture(scope="session")
def told() -> Iterator[Receiver]:
    """Where the session's gateway sends its alerts."""
    with receiver() as kept:
        yield kept


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, llama_server, simulators, told) -> Iterator[RunningGateway]:
    """One gateway for the whole session."""
    folder = tmp_path_factory.mktemp("gateway")
    port = free_port()
    seen, urls = simulators
    to = {"ops": {"webhook": told.url, "secrets": [SECRET]}}
    alerts = {"every": "500ms", "to": to}
    config = config_text(port, urls | {"local": llama_server}, alerts=alerts)
    process = start_gateway(folder, config)
    running = RunningGateway(folder, port, seen)
    try:
        running.until_ready(process)
        yield running
    finally:
        process.terminate()
        process.wait(LONGEST_SECONDS)
    log = (folder / "gateway.log").read_text()
    assert '"level": "error"' not in log, log
