"""The ledger's rules again, in plain Python and another style: what the Lua must agree with."""

from dataclasses import dataclass, field

from ledger_windows import Part, Spec, Windows, units

LEASE = 40_000
ZERO = (0, 0, 0, 0, 0)


@dataclass
class Record:
    admitted_at: int
    expires: int
    crash: tuple[int, ...]
    parts: list[Part]
    dispatched: bool = False
    progress: tuple[int, ...] | None = None
    state: str = "open"
    charged: tuple[int, ...] = ZERO


@dataclass
class Reply:
    code: int
    item: int = 0
    wait: int = 0
    remaining: list[int] = field(default_factory=list)


class Model(Windows):
    """What the ledger should hold after each call."""

    def __init__(self, real: int) -> None:
        super().__init__(real)
        self.records: dict[str, Record] = {}
        self.journal: list[tuple[str, int, int, tuple[int, ...]]] = []

    # Reserving.

    def reserve(
        self,
        hold_id: str,
        specs: list[Spec],
        *,
        want: tuple[int, ...],
        need: tuple[int, ...],
        crash: tuple[int, ...],
        force: bool = False,
    ) -> Reply:
        now = self.clock()
        if hold_id in self.records:
            return Reply(2)
        answer, amounts = Reply(0), []
        for n, spec in enumerate(specs, 1):
            most = self.most(spec, now)
            amount = units(want, spec)
            if amount > most and spec.limit >= 0:  # a balance is never trimmed to
                amount = max(most, units(need, spec), 1)
            if spec.algo == "L":
                amount = 1
            amounts.append(amount)
            wait = self.wait(spec, now, amount)
            answer.remaining.append(self.free(spec, now))
            if wait and not force:
                worse = wait < 0 or (answer.wait >= 0 and wait > answer.wait)
                if answer.code == 0 or worse:
                    answer.item, answer.wait = n, wait
                answer.code = 1
        if answer.code:
            return answer
        parts = [self.take(spec, now, a) for spec, a in zip(specs, amounts, strict=True)]
        self.records[hold_id] = Record(now, now + LEASE, crash, parts)
        self.tick()
        return answer

    # Closing.

    def shares(self, record: Record, vector: tuple[int, ...]) -> list[int]:
        rest: dict[tuple[str, str], int] = {}
        out = []
        for n, part in enumerate(record.parts):
            place = part.spec.place
            left = rest.get(place, vector[part.spec.metric - 1])
            later = any(p.spec.place == place for p in record.parts[n + 1 :])
            mine = min(left, part.amount * part.spec.scale) if later else left
            rest[place] = left - mine
            out.append(mine)
        return out

    def close(self, hold_id: str, vector: tuple[int, ...], now: int, state: str) -> None:
        record = self.records[hold_id]
        for part, share in zip(record.parts, self.shares(record, vector), strict=True):
            self.move(part, 0, share, now, held=True)
        record.state, record.charged = state, vector
        self.journal.append((hold_id, 0, record.admitted_at, vector))

    def settle(self, hold_id: str, vector: tuple[int, ...]) -> int:
        record = self.records.get(hold_id)
        if record is None:
            return -3
        if record.state in {"settled", "adjusted"}:
            return 1
        now = self.clock()
        self.tick()
        if record.state == "open":
            self.close(hold_id, vector, now, "settled")
            return 0
        pairs = zip(
            record.parts,
            self.shares(record, record.charged),
            self.shares(record, vector),
            strict=True,
        )
        for part, before, after in pairs:
            self.move(part, before, after, now, held=False)
        more = tuple(a - b for a, b in zip(vector, record.charged, strict=True))
        self.journal.append((hold_id, 1, record.admitted_at, more))
        record.state = "adjusted"
        return 3

    def due(self) -> list[str]:
        now = self.clock()
        late = [
            r
            for r, record in self.records.items()
            if record.state == "open" and record.expires < now
        ]
        return sorted(late, key=lambda r: (self.records[r].expires, r))

    def reap(self) -> int:
        now = self.clock()
        due = self.due()
        for hold_id in due:
            record = self.records[hold_id]
            fallback = record.crash if record.dispatched else ZERO
            self.close(hold_id, record.progress or fallback, now, "reaped")
        return len(due)

    # While it is open.

    def renew(self, hold_id: str, lease: int, progress: tuple[int, ...] | None) -> int:
        now = self.clock()
        self.tick()
        record = self.records.get(hold_id)
        if record is None or record.state != "open":
            return -3
        record.expires = now + lease
        record.dispatched = True
        record.progress = progress or record.progress
        return 0

    def top_up(self, hold_id: str, lease: int, more: tuple[int, ...]) -> str | int:
        record = self.records.get(hold_id)
        if record is None or record.state != "open":
            return -3
        now = self.clock()
        self.tick()
        record.expires = now + lease
        newest = {part.spec.place: part for part in record.parts}
        plans = []
        for part in newest.values():
            amount = units(more, part.spec)
            if part.spec.algo == "L" or amount == 0:
                continue
            if not self.grows(part, now, amount):
                return "denied"
            plans.append((part, amount))
        for part, amount in plans:
            self.grow(record, part, now, amount)
        return 0

    def grow(self, record: Record, part: Part, now: int, amount: int) -> None:
        spec = part.spec
        if spec.algo == "C":
            calendar = self.calendars[spec.place]
            window = calendar.now if calendar.now.wid == part.pos else calendar.before
            assert window is not None
            window.held += amount
            if window is calendar.before:
                calendar.now.left -= amount
            part.amount += amount
        elif spec.algo == "B":
            self.take(spec, now, amount)
            part.amount += amount
        elif part.pos == self.slot(spec, now):
            self.add(spec, part.pos, now, amount)
            part.amount += amount
        else:
            record.parts.append(self.take(spec, now, amount))
