"""The state machine: random calls on virtual time, the scripts beside the model, after each step
every state compared and every promise of the ledger checked.
"""

import struct
from collections.abc import Mapping
from typing import Any

import redis
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from ledger_model import LEASE, Model
from ledger_promises import HOME, Promises
from ledger_windows import Spec

from router.ledger.codec import ASK_SIZES, FIXED, ITEM, VECTOR, pack_plan
from router.ledger.keys import MARK_BIT, MARK_NAME
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.reserve_call import CallFrame
from router.ledger.server.scripts import Script, compile_scripts
from router.ledger.settlement import Settlement

VIRTUAL = "redis.call('HMGET', 'virtual', 's', 'us')"
START = 1_795_000_000_000

WINDOW = 300_000

LIMIT = st.sampled_from([3, 5, 9, 40])
LIMITS = st.tuples(LIMIT, st.sampled_from([5, 20]), LIMIT, st.sampled_from([1, 2, 4]), LIMIT)
AMOUNT = st.integers(1, 4)
USES = st.tuples(
    st.integers(0, 1), st.integers(0, 9), st.just(0), st.just(0), st.integers(0, 9_000)
)
CRASH = (1, 1, 0, 0, 300)
NUMBER = st.integers(0, 5)


def specs_of(limits: tuple[int, int, int, int, int]) -> list[Spec]:
    """One item of every algorithm, on two scopes."""
    sliding, burst, pool, leases, money = limits
    return [
        Spec("org", "tpo", "C", 2, pool, span=WINDOW, cap=4),
        Spec("org", "usdo", "C", 5, money, span=WINDOW, scale=1000),
        Spec("key", "tpm", "S", 2, sliding, span=5_000),
        Spec("key", "tpm.b", "B", 2, burst, span=60_000, burst=burst),
        Spec("key", "conc", "L", 1, leases),
    ]


class LedgerMachine(Promises):
    """Calls of gateways that retry, die, come late and repeat themselves."""

    client: "redis.Redis[bytes]"
    scripts: Mapping[str, Script]

    @initialize(limits=LIMITS)
    def begin(self, limits: tuple[int, int, int, int, int]) -> None:
        self.client.flushdb()
        self.model = Model(START)
        self.specs = specs_of(limits)
        self.tier = 0
        self.hold_ids: list[str] = []
        self.admissions: list[tuple[int, str]] = []
        self.overspent = False
        self.advance(0)

    def run(self, name: str, keys: list[Any], args: list[Any]) -> Any:
        script = self.scripts[name]
        if name in {"reserve", "renew", "reap"}:
            self.model.hear()
        try:
            return self.client.evalsha(script.sha.decode(), len(keys), *keys, *args)
        except redis.exceptions.NoScriptError:
            return self.client.eval(script.source.decode(), len(keys), *keys, *args)

    def advance(self, ms: int) -> None:
        self.model.real += ms
        second, rest = divmod(self.model.real, 1000)
        self.client.hset("virtual", mapping={"s": second, "us": rest * 1000})

    def hold_id(self, number: int) -> str | None:
        return self.hold_ids[-1 - number % len(self.hold_ids)] if self.hold_ids else None

    # Rules.

    @rule(ms=st.one_of(st.integers(0, 30_000), st.sampled_from([5_000, 55_000, 60_000, 65_000])))
    def time_passes(self, ms: int) -> None:
        self.advance(ms)

    @rule(ms=st.integers(-249, 249))
    def the_clock_jitters(self, ms: int) -> None:
        self.advance(ms)

    @rule(amount=AMOUNT)
    def the_clock_jitters_over_the_edge_of_a_slot(self, amount: int) -> None:
        self.advance(4_900 - self.model.real % 5_000 + 5_000)
        for ms in (0, 120, -60):
            self.advance(ms)
            self.reserve(amount, firm=True, force=False)
            self.every_state_is_as_the_model_says()

    @rule(ms=st.sampled_from([299_000, 300_000, 600_000, 1_200_000]))
    def a_window_ends(self, ms: int) -> None:
        self.advance(ms)

    @rule(ms=st.integers(1, 400_000))
    def the_clock_jumps_back(self, ms: int) -> None:
        self.advance(-ms)

    @rule(limits=LIMITS)
    def the_policy_changes(self, limits: tuple[int, int, int, int, int]) -> None:
        burst = self.specs[3].burst  # a bucket's size belongs to its state
        self.specs = specs_of((limits[0], burst, *limits[2:]))

    @rule(tier=st.integers(0, 2))
    def another_tier_asks(self, tier: int) -> None:
        self.tier = tier

    def asked(self) -> list[Spec]:
        """What this tier limits, in its order: another order, or one dimension less."""
        if self.tier == 1:
            return [*reversed(self.specs[:2]), *reversed(self.specs[2:])]
        return [spec for spec in self.specs if self.tier == 0 or spec.algo != "B"]

    @rule(amount=AMOUNT, firm=st.booleans(), force=st.sampled_from([False] * 9 + [True]))
    def ask(self, amount: int, firm: bool, force: bool) -> None:
        self.reserve(amount, firm=firm, force=force)

    def reserve(self, amount: int, *, firm: bool, force: bool) -> str | None:
        """Reserve on both sides; the hold_id, or None where both deny."""
        hold_id = f"{len(self.hold_ids):028x}"
        want = (1, amount, 0, 0, amount * 700)
        need = want if firm else (1, 1, 0, 0, 0)
        before = self.snapshot()
        reply = self.call_reserve(hold_id, want, need, force)
        answer = self.model.reserve(
            hold_id, self.asked(), want=want, need=need, crash=CRASH, force=force
        )
        assert reply[0] == answer.code, (reply, answer)
        if answer.code == 1:
            assert reply[1:3] == [answer.item, answer.wait], (reply, answer)
            assert [max(0, left) for left in answer.remaining] == reply[7::2]
            assert self.snapshot() == before, "a denial wrote something"
            return None
        self.hold_ids.append(hold_id)
        self.admissions.append((self.model.records[hold_id].admitted_at, hold_id))
        self.overspent = self.overspent or force
        if not force:
            self.check_sliding_minute()
        return hold_id

    @rule(
        amount=AMOUNT, more=st.lists(AMOUNT, min_size=1, max_size=3),
        pause=st.sampled_from([1_000, 5_000, 20_000]), used=USES,
    )  # fmt: skip
    def a_stream_is_topped_up(
        self, amount: int, more: list[int], pause: int, used: tuple[int, ...]
    ) -> None:
        hold_id = self.reserve(amount, firm=True, force=False)
        if hold_id is None:
            return
        for extra in more:
            self.advance(pause)
            self.do_top_up(hold_id, extra)
            self.every_state_is_as_the_model_says()
        self.do_settle(hold_id, used)

    @rule(amount=AMOUNT, progress=st.one_of(st.none(), USES), used=USES)
    def a_gateway_stands_still_and_settles_late(
        self, amount: int, progress: tuple[int, ...] | None, used: tuple[int, ...]
    ) -> None:
        hold_id = self.reserve(amount, firm=True, force=False)
        if hold_id is None:
            return
        self.do_heartbeat(hold_id, progress)
        self.advance(45_000)
        self.reap()
        self.every_state_is_as_the_model_says()
        self.do_settle(hold_id, used)

    @rule(amount=AMOUNT, used=USES)
    def a_window_ends_under_a_stream(self, amount: int, used: tuple[int, ...]) -> None:
        hold_id = self.reserve(amount, firm=True, force=False)
        if hold_id is None:
            return
        self.do_heartbeat(hold_id, None)
        for _ in range(WINDOW // 30_000):
            self.advance(30_000)
            self.do_heartbeat(hold_id, None)
        self.reserve(1, firm=True, force=False)
        self.do_settle(hold_id, used)

    @rule(amount=AMOUNT, used=USES, pause=st.sampled_from([66_000, 90_000]))
    def a_ring_turns_past_its_end(self, amount: int, used: tuple[int, ...], pause: int) -> None:
        for passed in (0, pause, 35_000):
            self.advance(passed)
            hold_id = self.reserve(amount, firm=False, force=False)
            if hold_id is not None:
                self.do_settle(hold_id, used)

    def call_reserve(
        self, hold_id: str, want: tuple[int, ...], need: tuple[int, ...], force: bool
    ) -> list[int]:
        now = self.model.clock()
        scopes = (HOME.scopes + "org", HOME.scopes + "key")
        compiled = CompiledQuotas((), ())
        frame = CallFrame.of(HOME, compiled, scopes, lease_ms=LEASE, users_per_day=0)
        keys = [HOME.holds, HOME.clock, HOME.marks + hold_id[MARK_NAME], *scopes]
        body = frame.begin + VECTOR.pack(*CRASH) + frame.addresses + self.plan(now) + b"{}"
        ask = frame.numbers + ASK_SIZES.pack(int(hold_id[MARK_BIT], 16), *want, *need)
        args = [hold_id, ask, body, *(["forced"] if force else [])]
        reply = self.run("reserve", keys, args)
        if isinstance(reply, bytes):
            return [0] * FIXED + list(struct.unpack(f"<{len(reply) // 8}q", reply))
        assert isinstance(reply, list)
        return reply

    def plan(self, now: int) -> bytes:
        scopes = []
        for scope in ("org", "key"):
            specs = [spec for spec in self.asked() if spec.scope == scope]
            packed = [self.pack(spec, now) for spec in specs]
            scopes.append(([spec.algo + spec.name for spec in specs], packed))
        return pack_plan(scopes, 0)

    def pack(self, spec: Spec, now: int) -> bytes:
        start = now // WINDOW * WINDOW
        numbers = {
            "S": (spec.span, 0, 0, 0),
            "B": (spec.span, spec.burst, 0, 0),
            "C": (start, start + WINDOW, start + 2 * WINDOW, spec.cap),
            "L": (0, 0, 0, 0),
        }[spec.algo]
        head = (spec.algo.encode(), spec.metric, spec.scale, spec.limit)
        return ITEM.pack(*head, *numbers)

    @rule(amount=AMOUNT)
    def a_denied_client_waits_as_told(self, amount: int) -> None:
        want = (1, amount, 0, 0, amount * 700)
        if any(record.state == "open" for record in self.model.records.values()):
            return  # somebody else may yet spend
        hold_id = f"{len(self.hold_ids):028x}"
        reply = self.call_reserve(hold_id, want, want, force=False)
        answer = self.model.reserve(hold_id, self.asked(), want=want, need=want, crash=CRASH)
        assert reply[0] == answer.code
        if answer.code == 1 and reply[2] > 0:
            rolls = (self.model.clock() + reply[2]) // WINDOW != self.model.clock() // WINDOW
            self.advance(max(0, -self.behind()))
            self.advance(reply[2] * (10 if self.model.clock() > self.model.real else 1))
            reply = self.call_reserve(hold_id, want, want, force=False)
            answer = self.model.reserve(hold_id, self.asked(), want=want, need=want, crash=CRASH)
            assert reply[0] == answer.code
            assert rolls or reply[0] == 0, "waiting as told did not suffice"
        if answer.code == 0:
            self.hold_ids.append(hold_id)
            self.admissions.append((self.model.records[hold_id].admitted_at, hold_id))
            self.check_sliding_minute()

    def behind(self) -> int:
        return 0 if self.model.stored is None else self.model.real - self.model.stored[1]

    @precondition(lambda self: self.hold_ids)
    @rule(number=NUMBER)
    def a_lost_reply_is_asked_for_again(self, number: int) -> None:
        before = self.snapshot()
        hold_id = self.hold_id(number)
        assert hold_id is not None
        assert self.call_reserve(hold_id, (1, 1, 0, 0, 1), (1, 1, 0, 0, 1), force=False)[0] == 2
        assert self.snapshot() == before

    @precondition(lambda self: self.hold_ids)
    @rule(number=NUMBER, used=USES, twice=st.booleans())
    def settle(self, number: int, used: tuple[int, ...], twice: bool) -> None:
        hold_id = self.hold_id(number)
        assert hold_id is not None
        self.do_settle(hold_id, used)
        if twice:
            before = self.snapshot()
            assert self.call_settle(hold_id, (1, 9, 9, 9, 9)) == 1
            assert self.snapshot() == before

    @rule()
    def settle_what_nobody_reserved(self) -> None:
        before = self.snapshot()
        assert self.call_settle("f" * 28, (1, 5, 0, 0, 0)) == -3
        assert self.snapshot() == before

    def do_settle(self, hold_id: str, used: tuple[int, ...]) -> None:
        self.note_overspending(hold_id, used)
        if self.model.records[hold_id].state not in {"settled", "adjusted"}:
            self.model.hear()
        assert self.call_settle(hold_id, used) == self.model.settle(hold_id, used)

    def call_settle(self, hold_id: str, used: tuple[int, ...]) -> Any:
        vector = VECTOR.pack(*used)
        keys, args = Settlement(HOME, hold_id, "completed", vector, b"{}", None).call()
        return self.run("settle", list(keys), list(args))

    @precondition(lambda self: self.hold_ids)
    @rule(number=NUMBER, progress=st.one_of(st.none(), USES))
    def heartbeat(self, number: int, progress: tuple[int, ...] | None) -> None:
        hold_id = self.hold_id(number)
        assert hold_id is not None
        self.do_heartbeat(hold_id, progress)

    def do_heartbeat(self, hold_id: str, progress: tuple[int, ...] | None) -> None:
        if progress is not None:
            self.note_overspending(hold_id, progress)
        blob = VECTOR.pack(*progress) if progress is not None else b""
        keys = [HOME.holds, HOME.clock]
        reply = self.run("renew", keys, [LEASE, hold_id, "d", blob, "{}"])
        assert reply == [self.model.renew(hold_id, LEASE, progress)]

    @precondition(lambda self: self.hold_ids)
    @rule(number=NUMBER, amount=AMOUNT)
    def top_up(self, number: int, amount: int) -> None:
        hold_id = self.hold_id(number)
        assert hold_id is not None
        self.do_top_up(hold_id, amount)

    def do_top_up(self, hold_id: str, amount: int) -> None:
        more = (0, amount, 0, 0, amount * 300)
        if self.model.records[hold_id].state == "open":
            self.model.hear()
        keys = [HOME.holds, HOME.clock]
        reply = self.run("top_up", keys, [hold_id, LEASE, VECTOR.pack(*more)])
        expected = self.model.top_up(hold_id, LEASE, more)
        assert reply[0] == (1 if expected == "denied" else expected), (reply, expected)

    @rule()
    def reap(self) -> None:
        keys = [HOME.holds, HOME.clock, HOME.journal]
        expected = self.model.reap()
        if expected:
            self.model.tick()
        assert self.run("reap", keys, [0, 1000]) == [b"0", expected]


def machine_for(
    client: "redis.Redis[bytes]",
    sources: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
) -> type[LedgerMachine]:
    """The machine against one server, with these scripts."""
    scripts = compile_scripts(sources, constants, clock=VIRTUAL)
    return type("Machine", (LedgerMachine,), {"client": client, "scripts": scripts})
