"""A gateway as its user would start it: `turnout serve` in a process, with a real ledger."""

import asyncio
import itertools
import json
import os
import re
import time
from pathlib import Path

import httpx
import patience
import redis
import turnoutkit
import yaml
from ledgerkit import Outside
from patience import LONGEST_SECONDS, until
from turnoutkit import Turnout

from router.simulator.server import Simulator


class CountingSimulator(Simulator):
    """Counts the `pieces` of text that it sent, in all."""

    pieces = 0

    async def __call__(self, scope, receive, send) -> None:
        async def counted(message) -> None:
            self.pieces += message.get("body", b"").count(b'"content":')
            await send(message)

        await super().__call__(scope, receive, counted)


def _backend(url: str, model: str, ability: str, prices: tuple[float, float], **more) -> dict:
    price = {"input": prices[0], "output": prices[1]}
    return {"base_url": url, "model": model, "ability": ability, "price": price} | more


def config_text(port: int, urls: dict[str, str], **more) -> str:
    """A turnout.yaml with a real backend, simulated ones, and one for each kind of trouble."""
    moe, slow = urls["moe"], "simulated-moe?fault=slow&seconds=60"
    local = {"context_window": 8192, "supports": ["json_schema"]}
    local["serves"] = ["chat", "completion", "embedding", "tokenization"]
    local["counts"] = "messages"
    backends = {
        "local": _backend(
            urls["local"], "smollm2-135m-instruct-q4_1", "local", (0.02, 0.04), **local
        ),
        "moe": _backend(moe, "simulated-moe", "moe", (0.3, 1.2), simulated=True),
        "premium": _backend(
            urls["premium"], "simulated-premium", "premium", (5, 30), simulated=True
        ),
        "native": _backend(
            urls["premium"],
            "simulated-premium",
            "premium",
            (5, 30),
            speaks=["responses", "compactions"],
            supports=["tools", "json_schema", "vision"],
        ),
        "remembers": _backend(
            urls["premium"],
            "simulated-premium",
            "premium",
            (5, 30),
            speaks=["responses"],
            state="shared",
        ),
        "stalls": _backend(moe, slow, "moe", (1, 1), timeouts={"first_byte": "90s"}),
        "slow": _backend(moe, slow, "moe", (1, 1), timeouts={"first_byte": "200ms"}),
        "late": _backend(moe, slow.replace("60", "2"), "moe", (1, 1)),
        "never": _backend(moe, slow, "moe", (1, 1), timeouts={"first_byte": "2s"}),
        "broken": _backend(moe, "simulated-moe?fault=status&status=500", "moe", (1, 1)),
        "breaks": _backend(moe, "simulated-moe?fault=reset&after=3", "moe", (1, 1)),
        "mute": _backend(urls["mute"], "mute", "moe", (0.3, 1.2)),
        "strict": _backend(urls["strict"], "strict", "local", (90, 90)),
        "stuck": _backend(moe, slow, "premium", (5, 30), timeouts={"first_byte": "90s"}),
        "void": _backend("http://127.0.0.1:9/v1", "none", "premium", (5, 30)),
        "claude": _backend("http://127.0.0.1:9/v1", "none", "premium", (0, 0), dialect="anthropic"),
        "judge": _backend(moe, "simulated-judge", "moe", (0, 0), serves=["moderation"]),
        "ranker": _backend(moe, "simulated-jina", "moe", (0.05, 0), serves=["reranking"])
        | {"price": {"input": 0.05, "output": 0, "search": 0}},
        "painter": {
            "base_url": moe,
            "model": "simulated-gpt-image",
            "serves": ["image"],
            "price": {"input": 5, "output": 40, "image": 0},
        },
        "dalle": {
            "base_url": moe,
            "model": "simulated-dalle",
            "serves": ["image"],
            "price": {"image": 0.04},
        },
        "voice": {
            "base_url": moe,
            "model": "simulated-tts",
            "serves": ["speech"],
            "price": {"character": 0.000015},
        },
        "hoarse": {
            "base_url": moe,
            "model": "simulated-tts?fault=reset",
            "serves": ["speech"],
            "price": {"character": 0.000015},
        },
        "whisper": {
            "base_url": moe,
            "model": "simulated-whisper",
            "serves": ["transcription"],
            "price": {"second": 0.0001},
        },
        "scribe": {
            "base_url": moe,
            "model": "simulated-gpt-transcribe",
            "serves": ["transcription"],
            "price": {"input": 2.5, "output": 10, "second": 0},
        },
        "cohere": {
            "base_url": moe,
            "model": "simulated-cohere",
            "serves": ["reranking"],
            "price": {"search": 0.002},
        },
        "counter": _backend(moe, "simulated-vllm", "moe", (0, 0), serves=["tokenization"]),
        "gemini": _backend(
            urls.get("gemini", moe), "simulated-gemini", "moe", (0.3, 1.2), dialect="gemini"
        ),
        "gone": _backend("http://127.0.0.1:9/v1", "none", "moe", (0.001, 0.001)),
    }
    head = {"version": 1, "listen": f"127.0.0.1:{port}", "policy": "policy.yaml", "data": "data"}
    head["stop"] = {"notice": None}  # nobody balances loads here
    edge = {"limits": {"body": "1MB"}, "stream": {"head_after": "1s", "keepalive": "1s"}}
    return yaml.safe_dump(head | edge | {"backends": backends} | more)


POLICY = """\
version: 1
routes:
  auto:
    candidates: [local, moe, premium]
    objective: cheapest_capable
    capable: {min_success: 0.75, max_regret: 0.05}
    when_unknown: moe
    rules:
      - {name: free-never-premium, when: 'tier.name == "free"', except: [premium]}
  falls-back: {candidates: [gone, moe], objective: cheapest_capable, capable: {min_success: 0.0}}
  faults: {candidates: [stalls, slow, broken, breaks], objective: cheapest_capable}
  careful:
    candidates: [mute, premium]
    objective: cheapest_capable
    capable: {min_success: 0.0, max_regret: 1.0}
    cascade: {verify: [not_empty], max_steps: 2}
  checked:
    candidates: [moe, premium]
    objective: cheapest_capable
    capable: {min_success: 0.0, max_regret: 1.0}
    cascade: {verify: [not_empty]}
  judged:
    candidates: [moe, premium, strict]
    objective: cheapest_capable
    capable: {min_success: 0.0, max_regret: 1.0}
    cascade: {verify: [not_empty], judge: strict}
  in-vain:
    candidates: [breaks, void]
    objective: cheapest_capable
    capable: {min_success: 0.0, max_regret: 1.0}
    cascade: {verify: [not_empty]}
  waits:
    candidates: [mute, stuck]
    objective: cheapest_capable
    capable: {min_success: 0.0, max_regret: 1.0}
    cascade: {verify: [not_empty]}
  vectors: {candidates: [claude, moe], objective: fixed, fixed: claude}
  safety: {candidates: [moe, judge], objective: fixed, fixed: moe}
  media: {candidates: [painter, dalle, voice, hoarse, whisper, scribe], objective: fixed}
  tokens: {candidates: [counter, local], objective: fixed}
  google: {candidates: [gemini], objective: fixed}
  ranks: {candidates: [ranker, cohere], objective: fixed}
  stateful: {candidates: [moe, native, remembers], objective: fixed, fixed: moe}
  silent: {candidates: [late, never], objective: fixed}
  staff: {candidates: [premium], objective: fixed}
aliases: {gpt-4o: auto, dall-e-2: media, omni-moderation-latest: safety}
tiers:
  free: {requests_per_minute: 1000, concurrency: 8, routes: [auto]}
  tiny: {requests_per_minute: 1, routes: [auto]}
  small: {tokens_per_minute: 500}
  minute: {tokens_per_minute: 20_000}
  prepaid: {prepaid_usd: true}
  daily: {requests_per_day: 5}
  pair: {concurrency: 2, routes: [auto, faults]}
  enterprise: {tokens_per_minute: 100_000_000, requests_per_minute: 1_000_000, concurrency: 1000}
"""


class RunningGateway:
    """A started gateway and the ways a test looks at it."""

    def __init__(self, folder: Path, port: int, simulators: dict[str, CountingSimulator]) -> None:
        self.folder = folder
        self.config = folder / "turnout.yaml"
        self.address = ("127.0.0.1", port)
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"
        self._simulators = simulators
        self._keys: dict[str, str] = {}
        self._organizations = itertools.count()
        self.environ: dict[str, str] = {}  # what its commands need of it besides

    def key(self, tier: str) -> str:
        """A key of this tier, the same at each call."""
        if tier not in self._keys:
            self._keys[tier] = self.new_key(tier, f"{tier}-customer")
        return self._keys[tier]

    def new_key(self, tier: str, organization: str = "") -> str:
        """A fresh key, working when this returns; of a fresh organization where none is named."""
        organization = organization or f"{tier}-customer-{next(self._organizations)}"
        whose = ("--organization", organization, "--tier", tier)
        command = ("keys", "create", "--config", self.config, *whose)
        key = turnoutkit.run(*command, environment=os.environ | self.environ).stdout.strip()
        self.until(lambda: self._knows(key))
        return key

    def _knows(self, key: str) -> bool:
        headers = {"authorization": f"Bearer {key}"}
        return patience.get(f"{self.url}/models", headers=headers).status_code == 200

    def until(self, condition) -> None:
        """Wait until a condition holds."""
        until(condition, lambda: (self.folder / "gateway.log").read_text()[-2000:])

    def until_ready(self, process: Turnout) -> None:
        """Wait until the gateway would serve; its log is the message where it ends instead."""
        self.until(lambda: process.poll() is not None or _ready(self.root))
        assert process.poll() is None, (self.folder / "gateway.log").read_text()

    def last_raw(self, backend: str) -> bytes:
        """The bytes of the body that the simulated backend was sent last."""
        return self._simulators[backend].last_raw

    def last_request(self, backend: str) -> dict:
        """The body that the simulated backend was sent last."""
        return self._simulators[backend].last_body

    def pieces_sent(self, backend: str) -> int:
        """How many pieces of text the simulated backend has sent so far, to whoever asked."""
        return self._simulators[backend].pieces

    def counts(self) -> dict[str, float]:
        """Every sample of /metrics by its name and labels."""
        text = patience.get(f"{self.root}/metrics").text
        samples = re.findall(r"^([a-z_]+(?:{[^}]*})?) ([-\d.e+]+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in samples}

    def until_asked(self, backend: str) -> None:
        """Wait until a request is in flight at this backend, as the gateway tells."""
        name = f'turnout_backend_in_flight{{backend="{backend}"}}'
        self.until(lambda: self.counts()[name] > 0)

    async def until_idle(self, backend: str) -> dict[str, float]:
        """Wait until nothing is in flight, at the gateway and at the backend; return the counts."""
        deadline = time.monotonic() + LONGEST_SECONDS
        name = f'turnout_backend_in_flight{{backend="{backend}"}}'
        while True:
            counts = await asyncio.to_thread(self.counts)
            running = sum(simulator.running for simulator in self._simulators.values())
            if counts["turnout_in_flight"] == counts[name] == running == self.open_holds() == 0:
                return counts
            assert time.monotonic() < deadline, "requests stayed in flight"

    def open_holds(self) -> int:
        """Reservations that are open in the ledger, read from the ledger itself."""
        with self.ledger() as client:
            return Outside(client).open_leases()

    def ledger(self) -> redis.Redis:
        """A client of the gateway's own embedded ledger."""
        return redis.Redis(unix_socket_path=str(next((self.folder / "data").rglob("*.sock"))))


def booked(gateway: "RunningGateway", organization: str) -> dict:
    """The one request of a customer, as the books have it once it is settled."""
    wanted = ("--by", "backend", "--organization", organization, "--format", "json")

    def rows() -> list[dict]:
        done = turnoutkit.run("usage", "--config", gateway.config, *wanted)
        return json.loads(done.stdout)["rows"]

    return until(rows)[0]


def start_gateway(folder: Path, config: str, *options: str, **environ: str) -> Turnout:
    """Start `turnout serve` on this configuration; it may not listen yet."""
    (folder / "turnout.yaml").write_text(config)
    (folder / "policy.yaml").write_text(POLICY)
    return turnoutkit.serve(folder, *options, **environ)


def _ready(root: str) -> bool:
    try:
        return httpx.get(f"{root}/readyz").status_code == 200
    except httpx.HTTPError:
        return False
