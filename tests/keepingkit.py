"""Two gateways on one database that keep responses, and servers of each protocol behind them."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import turnoutkit
import yaml
from gated import Gated
from gatewaykit import RunningGateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port
from scripted import Scripted, completion, generated, message

from router.simulator.server import Profile, Simulator

MARKER = "kingfisher"
TEXT = "A bird that dives."
KEY = base64.b64encode(b"k" * 32).decode()
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
SERVERS = {
    "chat": ("openai", completion(content=TEXT)),
    "messages": ("anthropic", message(THOUGHT, {"type": "text", "text": TEXT})),
    "gemini": ("gemini", generated({"text": TEXT})),
}
KINDS = [*SERVERS, "native"]
POLICY = """\
version: 1
routes:
  chat: {candidates: [chat-model], objective: fixed}
  messages: {candidates: [messages-model], objective: fixed}
  gemini: {candidates: [gemini-model], objective: fixed}
  native: {candidates: [native-model], objective: fixed}
  broken: {candidates: [broken-model], objective: fixed}
  gated: {candidates: [gated-model], objective: fixed}
  careful:
    candidates: [chat-model, messages-model]
    objective: fixed
    fixed: messages-model
    rules:
      - {name: stays-home, when: request.pii, only: [chat-model]}
  open:
    candidates: [chat-model, messages-model]
    objective: fixed
    fixed: messages-model
    rules:
      - {name: noted, when: request.pii, fixed: messages-model}
tiers:
  pro: {tokens_per_minute: 10_000_000}
  fleeting: {store: false}
  tight: {tokens_per_minute: 600}
"""

# Modules share a database, and each has a new ledger, which is told.
OTHER_LEDGER = "The ledger lost what it held"


def _backend(url: str, model: str, dialect: str = "openai", **more) -> dict:
    price = {"input": 1, "output": 1, "cache_write": 1, "cache_write_1h": 1}
    return {"base_url": url, "model": model, "dialect": dialect, "price": price, **more}


class Two:
    """Two gateways of one operator, and the servers behind them."""

    def __init__(self, gateways, processes, servers, native, gated) -> None:
        self.first, self.second = gateways
        self.processes = processes
        self.servers = servers
        self.native = native
        self.gated = gated

    def heard(self, kind: str) -> str:
        """What a server was asked last, as JSON."""
        if kind == "native":
            return json.dumps(self.native.last_body)
        return json.dumps(self.servers[kind].heard[-1])


def _start(folder, port, backends, database, ledger, **kept) -> turnoutkit.Turnout:
    kept = {"keys": [KEY], "home": ["chat-model"]} | kept
    config = {
        "version": 1,
        "stop": {"notice": None},
        "listen": f"127.0.0.1:{port}",
        "policy": "policy.yaml",
        "database": database,
        "ledger": ledger,
        "backends": backends,
        "responses": kept,
    }
    (folder / "turnout.yaml").write_text(yaml.safe_dump(config))
    (folder / "policy.yaml").write_text(POLICY)
    return turnoutkit.serve(folder)


@contextmanager
def two_gateways(folder: Path, database: str, *, ledger: str = "embedded", **kept) -> Iterator[Two]:
    """Run them in folders below this one; their logs hold no word of a customer's.

    They share a ledger, of their own where none is named; `kept` are keys of their `responses`.
    """
    native = Simulator("native", Profile(first_token=0.0, per_token=0.0))
    servers = {kind: Scripted(answer) for kind, (_, answer) in SERVERS.items()}
    gated = Gated()
    running, processes = [], []
    with (
        in_thread(gated) as gated_url,
        in_thread(native) as native_url,
        in_thread(servers["chat"]) as chat,
        in_thread(servers["messages"]) as messages,
        in_thread(servers["gemini"]) as gemini,
    ):
        urls = {"chat": chat, "messages": messages, "gemini": gemini}
        backends = {f"{k}-model": _backend(urls[k], "real", SERVERS[k][0]) for k in SERVERS}
        both = ["responses", "compactions"]
        backends["native-model"] = _backend(native_url, "simulated", speaks=both)
        backends["gated-model"] = _backend(gated_url, "gated")
        broken = "simulated?fault=reset&after=3"
        backends["broken-model"] = _backend(native_url, broken, speaks=["responses"])
        try:
            for name in ("first", "second"):
                home, port = folder / name, free_port()
                home.mkdir(parents=True)
                processes.append(_start(home, port, backends, database, ledger, **kept))
                running.append(RunningGateway(home, port, {}))
                running[-1].until_ready(processes[-1])
            yield Two(running, processes, servers, native, gated)
        finally:
            gated.gate.set()
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(LONGEST_SECONDS)
    for gateway in running:
        log = (gateway.folder / "gateway.log").read_text()
        assert MARKER not in log
        errors = [line for line in log.splitlines() if '"level": "error"' in line]
        assert all(OTHER_LEDGER in line for line in errors), log
