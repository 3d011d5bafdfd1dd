"""What the state machine checks after each step, whatever was called."""

from typing import Any

import redis
from hypothesis.stateful import RuleBasedStateMachine, invariant
from ledger_model import Model
from ledger_windows import SLOTS, Calendar, Spec

from router.ledger.codec import ROW_FIELD, read_row, read_scope
from router.ledger.keys import shard

HOME = shard(0)


class Promises(RuleBasedStateMachine):
    """The promises of the ledger, over one server and the model beside it."""

    client: "redis.Redis[bytes]"
    model: Model
    specs: list[Spec]
    admissions: list[tuple[int, str]]
    overspent: bool

    def note_overspending(self, hold_id: str, used: tuple[int, ...]) -> None:
        """Where a request uses more than it held, limits may be exceeded by that overage."""
        record = self.model.records[hold_id]
        for place in {part.spec.place for part in record.parts}:
            parts = [part for part in record.parts if part.spec.place == place]
            spec = parts[0].spec
            if -(-used[spec.metric - 1] // spec.scale) > sum(part.amount for part in parts):
                self.overspent = True

    def check_sliding_minute(self) -> None:
        """No admission brings the last 60 real seconds over the limit."""
        now = self.model.clock()
        spec = self.specs[2]
        total = 0
        for admitted_at, hold_id in self.admissions:
            if admitted_at <= now - 60_000:
                continue
            record = self.model.records[hold_id]
            if record.state == "open":
                total += sum(p.amount for p in record.parts if p.spec.place == spec.place)
            else:
                total += record.charged[1]
        recent = [hold_id for admitted_at, hold_id in self.admissions if admitted_at > now - 60_000]
        late = any(self.model.records[hold_id].state == "adjusted" for hold_id in recent)
        assert late or total <= spec.limit, f"{total} in one minute, of {spec.limit}"

    def snapshot(self) -> dict[bytes, Any]:
        keys = set(self.client.keys("lg:*")) - {HOME.clock}  # one that went back is always stored
        return {key: self.client.dump(key) for key in keys}

    @invariant()
    def every_state_is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        for spec in self.specs:
            result = self.state(spec.scope, spec.algo + spec.name)
            assert result == self.expected(spec), (spec.name, result, self.expected(spec))

    def state(self, scope: str, place: str) -> tuple[int, ...] | None:
        return read_scope(self.client.get(HOME.scopes + scope) or b"").get(place)

    def expected(self, spec: Spec) -> tuple[int, ...] | None:
        model, place = self.model, spec.place
        if spec.algo == "S":
            if place not in model.slots:
                return None
            newest = model.last_slot[place]
            ring = {s % SLOTS: model.slots[place].get(s, 0) for s in range(newest - 12, newest + 1)}
            return (newest, *(ring[n] for n in range(SLOTS)))
        if spec.algo == "B":
            return model.levels.get(place)
        if spec.algo == "L":
            return (model.counts[place],) if place in model.counts else None
        calendar = model.calendars.get(place)
        return None if calendar is None else flat(calendar, spec)

    @invariant()
    def what_is_held_is_what_is_open(self) -> None:
        if not hasattr(self, "model"):
            return
        opened = [r for r in self.model.records.values() if r.state == "open"]
        assert (self.state("key", "Lconc") or (0,))[0] == len(opened)
        assert self.client.hlen(HOME.holds) == len(opened)
        for name in ("tpo", "usdo"):
            state = self.state("org", f"C{name}")
            if state is None:
                continue
            for wid, held in ((state[0], state[3]), (state[7], state[9])):
                parts = [p for r in opened for p in r.parts if p.spec.name == name and p.pos == wid]
                assert held == sum(part.amount for part in parts)

    @invariant()
    def the_journal_has_each_request_once_and_adds_up(self) -> None:
        if not hasattr(self, "model"):
            return
        result = [read_row([ROW_FIELD, e[ROW_FIELD]]) for _, e in self.client.xrange(HOME.journal)]
        rows = [(row.hold_id, row.seq, row.admitted_at, row.used) for row in result]
        assert rows == self.model.journal
        assert len({row[:2] for row in rows}) == len(rows)
        state = self.state("org", "Cusdo")
        if state is not None:
            spent = sum(
                used[4] for _, _, admitted_at, used in rows if state[0] <= admitted_at < state[1]
            )
            assert state[2] * 1000 + state[6] == spent

    @invariant()
    def no_pool_is_overdrawn(self) -> None:
        if not hasattr(self, "model") or self.overspent:
            return
        for spec in self.specs[:2]:
            calendar = self.model.calendars.get(spec.place)
            state = self.state("org", f"C{spec.name}")
            if calendar is None or state is None:
                continue
            assert state[2] + state[3] <= max(40, state[5]) + spec.cap


def flat(calendar: Calendar, spec: Spec) -> tuple[int, ...]:
    """A calendar state as the scripts pack it."""
    now, before = calendar.now, calendar.before
    used, rem = divmod(now.used, spec.scale)
    head = (now.wid, now.end, used, now.held, now.left, now.limit, rem)
    if before is None:
        return (*head, -calendar.began, 0, 0, 0)
    used, rem = divmod(before.used, spec.scale)
    return (*head, before.wid, used, before.held, rem)
