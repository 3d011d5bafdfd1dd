"""Reserve calls: a request turned into the keys and arguments of the script."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final, Self

import orjson

from policies.value import value
from router.ledger import codec
from router.ledger.denial_cache import Denied
from router.ledger.keys import (
    KEYS_BEFORE_SCOPES,
    MARK_BIT,
    MARK_NAME,
    SHARED_USERS,
    HoldIds,
    Shard,
    scope,
    shard_of,
    user_hash,
)
from router.ledger.quotas.compiled_quotas import CompiledQuotas, levels_present
from router.ledger.quotas.dimensions import EXHAUSTED
from router.ledger.reserve_request import ReserveRequest, Run
from router.ledger.server.connection import CommandPart
from router.ledger.server.startup import LedgerMeta
from router.ledger.vectors import pack_estimate
from router.usage_row import ASKED_BEGIN, customer_json

DAY_MS: Final = 86_400_000
_MOST_COMPILED: Final = 20_000  # customers may have limits of their own
_MOST_FRAMES: Final = 20_000


@value
class ReserveCall:
    """The call that made a hold, kept so that it can be made again.

    `args` are the hold's id, the numbers asked for, the body of its record, perhaps a flag, and
    what a run asks for.
    `quotas` are packed anew where their calendar windows have ended since.
    """

    keys: tuple[CommandPart, ...]
    args: tuple[bytes | str, ...]
    quotas: CompiledQuotas

    @property
    def body(self) -> bytes:
        """The body of the hold's record."""
        body = self.args[2]
        assert isinstance(body, bytes)  # noqa: S101  # as `write` made it
        return body

    def forced(self) -> Self:
        """The same call, to be obeyed whether or not it fits."""
        return replace(self, args=(*self.args[:3], codec.FORCED, *self.args[4:]))

    def at(self, now_ms: int) -> Self:
        """The same call, with the calendar windows of another instant."""
        hold_id, numbers, _, *flags = self.args
        body = codec.replace_plan(self.body, self.quotas.pack(now_ms))
        return replace(self, args=(hold_id, numbers, body, *flags))

    def crash_cost(self) -> bytes:
        """What is charged when a gateway dies before any progress."""
        return codec.crash_cost(self.body)

    def scopes(self) -> dict[int, str]:
        """The keys of its scopes, numbered as the items of its quotas number them."""
        keys = self.keys[KEYS_BEFORE_SCOPES : KEYS_BEFORE_SCOPES + len(self.quotas.levels)]
        return {number: str(key) for number, key in enumerate(keys, 1)}


@dataclass(slots=True)
class CallFrame:
    """What the calls of one key, user and model have in common, and their last denial.

    `shared_users`: where a scope is a user's, the key of the count of users (without the day) and
    that of the scope which further users share. `run`: the keys that come with one. `begin` and
    `addresses`: of the body of a record; `numbers`: those of a call that do not change.
    """

    home: Shard
    quotas: CompiledQuotas
    scopes: tuple[str, ...]
    shared_users: tuple[str, ...]
    meta: bytes
    begin: bytes
    addresses: bytes
    numbers: bytes
    denied: Denied | None = None
    run: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        home: Shard,
        quotas: CompiledQuotas,
        scopes: tuple[str, ...],
        *,
        lease_ms: int,
        users_per_day: int,
        shared_users: tuple[str, ...] = (),
        meta: bytes = b"{}",
        run: tuple[str, ...] = (),
    ) -> Self:
        """The frame of calls on these scopes."""
        addresses = "\n".join(scopes).encode()
        plan_at = codec.BODY_BYTES + len(addresses) + 1
        numbers = codec.ASK_FRAME.pack(
            lease_ms, plan_at, quotas.user_scope_days * DAY_MS, users_per_day
        )
        begin = codec.body_begin(addresses)
        return cls(home, quotas, scopes, shared_users, meta, begin, addresses, numbers, None, run)


class ReserveCalls:
    """Writes reserve calls. Keeps what does not change between requests: compiled quotas by the
    identity of their list, frames, how far the ledger's clock is ahead of ours.
    """

    def __init__(
        self,
        meta: LedgerMeta,
        shards: list[Shard],
        lease_ms: int,
        users_per_day: int,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._meta = meta
        self._shards = shards
        self._lease_ms = lease_ms
        self._users_per_day = users_per_day
        self._now_ns = now_ns
        self._ids = HoldIds(meta.shards)
        self.process = self._ids.process
        self._frames: dict[tuple[object, ...], CallFrame] = {}
        self._compiled: dict[tuple[int, bool, bool, bool], CompiledQuotas] = {}
        self._ahead_ms = 0

    def now(self) -> int:
        """The ledger's time in Unix milliseconds, as far as we know."""
        return self._now_ns() // 1_000_000 + self._ahead_ms

    def set_clock(self, ledger_now: int) -> None:
        """Learn the ledger's time: calendar windows are computed for it."""
        self._ahead_ms += ledger_now - self.now()

    def write(self, request: ReserveRequest) -> tuple[str, CallFrame, ReserveCall]:
        """The id of a new hold, its frame, and the call that makes it."""
        by, run = (
            request.principal,
            request.run,
        )  # its parts: hashing it whole is a call of Python's own
        who = (
            id(request.quotas), by.key_id, by.organization, by.tier, by.team, request.end_user,
            request.route_or_model, None if run is None else (run.name, run.parent),
        )  # fmt: skip
        frame = self._frames.get(who)
        if frame is None:  # it keeps its quotas alive: nothing else can come to have their id
            if len(self._frames) >= _MOST_FRAMES:
                self._frames.clear()
            frame = self._frames[who] = self._frame(request)
        home, quotas = frame.home, frame.quotas
        now = self._now_ns() // 1_000_000
        hold_id = self._ids.new(now, home.number)
        now += self._ahead_ms
        wants, crash = pack_estimate(request.estimate, int(hold_id[MARK_BIT], 16))
        keys: tuple[CommandPart, ...] = (
            home.holds, home.clock, home.marks + hold_id[MARK_NAME], *frame.scopes
        )  # fmt: skip
        if frame.shared_users:
            users, overflow = frame.shared_users
            keys += (f"{users}:{now // DAY_MS}", overflow)
        body = b"%b%b%b%b%b%b,%b" % (
            frame.begin, crash, frame.addresses, quotas.packed(now),
            ASKED_BEGIN, orjson.dumps(request.request_id), frame.meta,
        )  # fmt: skip
        args: tuple[bytes | str, ...] = (hold_id, frame.numbers + wants, body)
        if frame.run and run is not None:
            keys += frame.run
            args += ("", _pack_run(run, self._meta.secret))
        return hold_id, frame, ReserveCall(keys, args, quotas)

    def _frame(self, request: ReserveRequest) -> CallFrame:
        principal, meta = request.principal, self._meta
        organization = principal.organization
        quotas = self._quotas(request)
        home = self._shards[shard_of(organization, meta.shards)]
        user = user_hash(request.end_user, meta.secret) if request.end_user else None
        shared, run = scope("user", organization, SHARED_USERS), request.run
        names = {
            "organization": None,
            EXHAUSTED: None,
            "team": principal.team,
            "key": principal.key_id,
            "user": user,
            "model": request.route_or_model,
            "run": None if run is None else run.name,
        }
        return CallFrame.of(
            home,
            quotas,
            tuple(home.scopes + scope(n, organization, names[n]) for n in quotas.levels),
            lease_ms=self._lease_ms,
            users_per_day=self._users_per_day,
            shared_users=(home.counts + shared, home.scopes + shared) if quotas.user_scope else (),
            meta=customer_json(
                principal, user, request.route_or_model, None if run is None else run.name
            ),
            run=_run_keys(home, organization, run) if run and "run" in quotas.levels else (),
        )

    def _quotas(self, request: ReserveRequest) -> CompiledQuotas:
        team, user = request.principal.team is not None, request.end_user is not None
        run = request.run is not None
        which = (id(request.quotas), team, user, run)
        compiled = self._compiled.get(which)
        if compiled is None or compiled.quotas is not request.quotas:
            if len(self._compiled) >= _MOST_COMPILED:
                self._compiled.clear()
            levels = levels_present(team=team, user=user, run=run)
            compiled = CompiledQuotas(request.quotas, levels)
            self._compiled[which] = compiled
        return compiled


def _run_keys(home: Shard, organization: str, run: Run) -> tuple[str, ...]:
    """The keys that come with a run: the open runs of its organization, its alias, its parent's
    alias and scope; those of a run without a parent are its own.
    """
    own = scope("run", organization, run.name)
    parent = own if run.parent is None else scope("run", organization, run.parent)
    return (
        f"{home.runs}{scope('organization', organization)}",
        home.aliases + own,
        home.aliases + parent,
        home.scopes + parent,
    )


def _pack_run(run: Run, secret: bytes) -> bytes:
    """What a request asks of its run; its body as a keyed hash of 48 bits, which is never 0."""
    requests, tokens, nano_usd = run.ceilings
    mark = int.from_bytes(blake2b(run.body, key=secret, digest_size=6).digest()) + 1
    return codec.RUN.pack(run.idle_ms, run.most_open, mark, requests, tokens, -1, -1, nano_usd)
