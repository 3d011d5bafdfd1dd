"""A backend as the operator describes it: where it is, how it talks, what it can take.

A backend is one model behind one name. It may have several addresses (replicas) and several
credentials; each pair of the two is a `Deployment`, with a breaker of its own: a key that is out of
quota says nothing about the other keys, and a replica that is down nothing about the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from router.backends.credentials.specs import Credentials
from router.backends.energy import EnergyProfile
from router.protocols.quirks import PLAIN, Quirks

Reach = Literal["auto", "public", "any"]
CHECKED: Final = ("tools", "vision", "json_schema")
FEATURES: Final = frozenset(CHECKED)
CHAT: Final = "chat"  # as `serves` has it: in the words of any protocol that is translated
FILES, BATCHES = "files", "batches"
OFFERS: Final = frozenset((FILES, BATCHES))  # what a server may keep for customers
DIRECTLY: Final = "direct"  # as `proxy`: no proxy, whatever the environment says


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds. `total` bounds a whole exchange, streams included, and
    `after_disconnect` how long one is read on whose client left; `head` is how long the head of an
    answer may take on an open connection. `bytes_per_second` is what an answer has to bring at
    least that is in the middle of a line; 0: anything."""

    connect: float = 5.0
    first_byte: float = 120.0
    between_chunks: float = 60.0
    total: float = 1800.0
    after_disconnect: float = 300.0
    bytes_per_second: int = 100
    head: float = field(init=False, compare=False, repr=False, default=0.0)

    def __post_init__(self) -> None:
        """Compute the bound once."""
        object.__setattr__(self, "head", min(self.first_byte, self.total))


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much a scarce backend takes at once: requests running, requests waiting, seconds.

    `guaranteed` is the share of the slots that is kept for a tier, by its name. `load_url` is where
    the server tells its own load: its `/metrics`, or llama.cpp's `/slots`. `shared`: all gateways
    of one ledger have these slots together; else each gateway has as many of its own.
    """

    concurrency: int
    queue: int = 0
    max_wait: float = 2.0
    guaranteed: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    load_url: str | None = None
    shared: bool = False


class Own:
    """Whose own credential a backend is asked with, and what became of that.

    `house` is the backend as the operator wrote it; `fallback`: it is asked where the credential is
    refused or used up. `health` is kept here, so that nobody else's requests know of it. `refused`
    is how the provider refused the credential last (an AttemptFailed), until it takes it again.
    `unreadable`: no key opens it here. `tell` is told of each use, and each refusal with its kind.
    """

    __slots__ = ("fallback", "health", "house", "organization", "refused", "tell", "unreadable")

    def __init__(
        self,
        organization: str,
        house: "Backend",
        tell: Callable[[str, str, str | None], None],
        *,
        fallback: bool = False,
        unreadable: bool = False,
    ) -> None:
        self.organization = organization
        self.house = house
        self.fallback = fallback
        self.unreadable = unreadable
        self.tell = tell
        self.health: Any = None
        self.refused: Any = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One address with one credential. `id` is unique and holds no secret. `own`: it is a
    customer's."""

    id: str
    backend: str
    base_url: str
    api_key: str | None = field(repr=False)
    own: bool = False


@dataclass(frozen=True, slots=True)
class Backend:
    """One model behind one name. `speaks` are protocols that its server knows beside those of its
    dialect (`also_spoken` in `router.backends.dialects.table`).

    `max_output_tokens` is how long its answers may be, None where nobody said so.

    `base_url` ends where the dialect's paths begin (OpenAI: `.../v1`). `ability` names the
    classifier's output that predicts its success. `context_window` is in tokens, `supports` a
    subset of FEATURES, and `unsaid` those of them of which nobody knows; `serves` names the
    operations that it has, None: those that every server of its dialect has. `simulated` marks
    answers that no model wrote. `replicas` are further addresses and `api_keys` further
    credentials. Where no first byte came after `hedge_after` seconds, another deployment is asked
    too. `proxy` is the URL of a proxy in front of it, or DIRECTLY, or None for what the environment
    says; `reach` is where its name may lead (`router.backends.transport.reach`); `http2` is whether
    HTTP/2 is offered to it, and `compressed_answers` whether it is asked for
    gzip. `key_header` is the header in which the key goes (None: the dialect's), `query` what
    stands behind every address. `credentials` are what authorizes its calls instead of a key.
    `denied` are the FEATURES that it does not take.
    `provider` is what telemetry calls whose server it is. Where it `shares_state`, whoever may ask
    it may name what its account keeps. `counts` names the way in which its server tells the size of
    a request (`router.backends.counting.table`). `offers` is what customers may keep in its
    account: OFFERS. `expected_reasoning_tokens` is what an answer's unseen thoughts come to where
    their use is not told, 0: what its answers have shown. One that `finishes` is read to its end
    where the client of a stream left, so that its use is told. `dearest_pico` is what its dearest
    token costs in pico-USD, where the cost that it tells is charged: the bound of that. `own` is
    set where it is asked with a customer's own credential (`router.backends.own`).
    """

    name: str
    base_url: str
    model: str
    dialect: str = "openai"
    api_key: str | None = field(default=None, repr=False)
    ability: str | None = None
    timeouts: Timeouts = Timeouts()
    context_window: int | None = None
    max_output_tokens: int | None = None
    supports: frozenset[str] = FEATURES
    serves: frozenset[str] | None = None
    unsaid: frozenset[str] = frozenset()
    simulated: bool = False
    capacity: Capacity | None = None
    quirks: Quirks = PLAIN
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    replicas: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    hedge_after: float | None = None
    energy: EnergyProfile | None = None
    proxy: str | None = field(default=None, repr=False)  # may hold a password
    http2: bool = False
    reach: Reach = "auto"
    compressed_answers: bool = False
    key_header: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    credentials: Credentials | None = field(default=None, repr=False)
    speaks: frozenset[str] = frozenset()
    shares_state: bool = False
    provider: str = ""
    counts: str = "none"
    offers: frozenset[str] = frozenset()
    expected_reasoning_tokens: int = 0
    finishes: bool = False
    dearest_pico: int | None = None
    own: Own | None = field(default=None, repr=False, compare=False)
    denied: frozenset[str] = field(init=False, compare=False, repr=False, default=frozenset())

    def __post_init__(self) -> None:
        """Work out once what it is said not to take, and what its window means to its server."""
        object.__setattr__(self, "quirks", self.quirks.within(self.context_window))
        object.__setattr__(self, "denied", FEATURES - self.supports - self.unsaid)

    def deployments(self) -> tuple[Deployment, ...]:
        """Every address with every credential."""
        addresses = (self.base_url, *self.replicas)
        if self.own is not None:
            return self._own_deployments(self.own, addresses)
        keys = (self.api_key, *self.api_keys)
        return tuple(
            Deployment(f"{self.name}/{at}.{key}", self.name, address.rstrip("/"), keys[key])
            for at, address in enumerate(addresses)
            for key in range(len(keys))
        )

    def _own_deployments(self, own: Own, addresses: tuple[str, ...]) -> tuple[Deployment, ...]:
        """Every address with the customer's credential; none where nobody can read that."""
        if own.unreadable:
            return ()
        name = f"{self.name}/{{}}.own.{own.organization}"
        return tuple(
            Deployment(name.format(at), self.name, address.rstrip("/"), self.api_key, own=True)
            for at, address in enumerate(addresses)
        )
