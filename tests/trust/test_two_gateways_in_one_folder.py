"""Two gateways begun at once in one new data folder, one of them with a full disk."""

import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import patience
import pytest
from gatewaykit import CountingSimulator, RunningGateway, booked, config_text, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port
from turnoutkit import Turnout

from router.simulator.server import Profile

DEAD = "http://127.0.0.1:9/v1"
PROMPT, PROVIDER, ADMIN = "canary-prompt-7f3e91", "canary-provider-5ac2", "canary-admin-0123456789"


def _end(process: Turnout) -> None:
    process.terminate()
    try:
        process.wait(LONGEST_SECONDS)
    finally:
        process.kill()


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    """Both, serving; the second one's decision log is on a device without space."""
    root: Path = tmp_path_factory.mktemp("pair")
    data = root / "data"
    data.mkdir(mode=0o755)  # as an older version left it
    (data / "full.jsonl").symlink_to("/dev/full")
    moe = CountingSimulator("moe", Profile(first_token=0.0, per_token=0.0))
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environ:
        environ.setenv("PROVIDER", PROVIDER)  # for the gateways, and for the commands beside them
        environ.setenv("ADMIN", ADMIN)
        url = stack.enter_context(in_thread(moe))
        urls = {"moe": url, "premium": DEAD, "mute": DEAD, "strict": DEAD, "local": DEAD}
        began = []
        for name in ("decisions", "full"):
            folder, port = root / name, free_port()
            folder.mkdir()
            more = {
                "data": str(data),
                "decisions": {"to": f"{name}.jsonl"},
                "admin": {"listen": f"127.0.0.1:{free_port()}", "token": "${ADMIN}"},
            }
            model = "    model: simulated-moe\n"
            keyed = f"    api_key: ${{PROVIDER}}\n{model}"
            config = config_text(port, urls, **more).replace(model, keyed)
            process = start_gateway(folder, config, TURNOUT_LOG_LEVEL="debug")
            stack.callback(_end, process)
            began.append((RunningGateway(folder, port, {"moe": moe}), process))
        for running, process in began:
            running.until_ready(process)
        yield began[0][0], began[1][0]


def ask(gateway: RunningGateway, key: str, model: str) -> int:
    tool = {"type": "function", "function": {"name": "f", "description": PROMPT, "parameters": {}}}
    body = {
        "model": model,
        "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": PROMPT}],
        "metadata": {"note": PROMPT},
        "tools": [tool],
    }
    headers = {"authorization": f"Bearer {key}", "cookie": PROMPT}
    url = f"{gateway.url}/chat/completions?note={PROMPT}"
    return patience.post(url, json=body, headers=headers).status_code


def test_a_gateway_whose_decision_log_is_on_a_full_disk_serves_bills_and_counts(pair):
    _, full = pair
    key = full.new_key("enterprise", "on-a-full-disk")
    assert ask(full, key, "moe") == 200
    lost = "turnout_decisions_lost_total"
    full.until(lambda: full.counts()[lost] == 1)
    assert booked(full, "on-a-full-disk")["requests"] == 1
    log = (full.folder / "gateway.log").read_text()
    assert log.count("the decision log cannot be written") == 1
    assert '"signals"' not in log


def test_no_canary_is_in_any_log_metric_file_or_error_at_any_level(pair):
    first, full = pair
    keys = [gateway.new_key("enterprise", "canaries") for gateway in pair]
    for gateway, key in zip(pair, keys, strict=True):
        for model in ("moe", "broken", "breaks", "gone", "nowhere"):
            ask(gateway, key, model)
        wrong = {"authorization": f"Bearer tk-{PROMPT}"}
        for body in (
            f'{{"model": "moe", "{PROMPT}',
            f'["{PROMPT}"]',
            f'{{"messages": "{PROMPT}"}}',
        ):
            for headers in (wrong, {"authorization": f"Bearer {key}"}):
                url = f"{gateway.url}/chat/completions"
                answer = patience.post(url, content=body, headers=headers)
                assert 400 <= answer.status_code < 500
                assert PROMPT not in answer.text
    first.until(lambda: "nowhere" in (full.folder.parent / "data/decisions.jsonl").read_text())
    said = {
        str(path): path.read_bytes()
        for path in full.folder.parent.rglob("*")
        if path.is_file() and path.name not in ("full.jsonl", "turnout.yaml", "policy.yaml")
    }
    said |= {gateway.root: patience.get(f"{gateway.root}/metrics").content for gateway in pair}
    assert len(said) > 6
    for secret in (PROMPT, PROVIDER, ADMIN, *keys):
        assert [name for name, content in said.items() if secret.encode() in content] == []


def test_all_that_both_keep_is_their_owners_alone(pair):
    data = pair[0].folder.parent / "data"
    kept = [data, *data.rglob("*")]
    modes = {
        path.name: stat.S_IMODE(path.lstat().st_mode) for path in kept if not path.is_symlink()
    }
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    logs = [(gateway.folder / "gateway.log").read_text() for gateway in pair]
    assert "the folder was open to others; it is closed" in "".join(logs)
