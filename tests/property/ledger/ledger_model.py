"""The ledger's rules again, in plain Python and another style: what the Lua must agree with.

Money is kept in whole pico-USD here, sliding windows as a table of slots that never forgets, and
calendar windows as objects: no rings, no remainders, no packed state.
"""

from collections import defaultdict
from dataclasses import dataclass, field

SLOTS = 13
LEASE = 40_000
REST = 1_000  # the clock is stored no more often
ZERO = (0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Spec:
    """One item of a reservation. `span`: slot, bucket window or calendar window in ms."""

    scope: str
    name: str
    algo: str
    metric: int
    limit: int
    span: int = 0
    burst: int = 0
    cap: int = 0
    scale: int = 1

    @property
    def place(self) -> tuple[str, str]:
        return self.scope, self.name


@dataclass
class Window:
    wid: int
    end: int
    limit: int
    left: int = 0
    used: int = 0  # in units of 1 / scale
    held: int = 0


@dataclass
class Calendar:
    now: Window
    before: Window | None = None


@dataclass
class Part:
    spec: Spec
    amount: int
    pos: int


@dataclass
class Record:
    t0: int
    expires: int
    crash: tuple[int, ...]
    parts: list[Part]
    dispatched: bool = False
    progress: tuple[int, ...] | None = None
    state: str = "open"
    charged: tuple[int, ...] = ZERO


@dataclass
class Answer:
    code: int
    item: int = 0
    wait: int = 0
    remaining: list[int] = field(default_factory=list)


def units(vector: tuple[int, ...], spec: Spec) -> int:
    return -(-vector[spec.metric - 1] // spec.scale)


class Model:
    """What the ledger should hold after each call."""

    def __init__(self, real: int) -> None:
        self.real = real
        self.stored: tuple[int, int] | None = None
        self.slots: dict[tuple[str, str], dict[int, int]] = {}
        self.last_slot: dict[tuple[str, str], int] = {}
        self.levels: dict[tuple[str, str], tuple[int, int]] = {}
        self.calendars: dict[tuple[str, str], Calendar] = {}
        self.counts: dict[tuple[str, str], int] = {}
        self.records: dict[str, Record] = {}
        self.journal: list[tuple[str, int, int, tuple[int, ...]]] = []

    # Time.

    def clock(self) -> int:
        if self.stored is None:
            return self.real
        shown, real = self.stored
        if self.real < real:
            return shown
        ahead = shown - real
        return self.real + max(0, ahead - (self.real - real) // 10)

    def stale(self) -> bool:
        """Whether the stored clock is old enough to be stored again."""
        return self.stored is None or not 0 <= self.real - self.stored[1] < REST

    def tick(self) -> None:
        if self.stale():
            self.stored = (self.clock(), self.real)

    # Reserving.

    def reserve(
        self,
        rid: str,
        specs: list[Spec],
        *,
        want: tuple[int, ...],
        need: tuple[int, ...],
        crash: tuple[int, ...],
        force: bool = False,
    ) -> Answer:
        now = self.clock()
        if rid in self.records:
            return Answer(2)
        answer, amounts = Answer(0), []
        for n, spec in enumerate(specs, 1):
            most = self.most(spec, now)
            amount = units(want, spec)
            if amount > most:
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
        self.records[rid] = Record(now, now + LEASE, crash, parts)
        self.tick()
        return answer

    def most(self, spec: Spec, now: int) -> int:
        if spec.algo == "B":
            return spec.burst
        if spec.algo != "C":
            return spec.limit
        window = self.window(spec, now).now
        return spec.limit + self.carry(window, spec)

    def free(self, spec: Spec, now: int) -> int:
        """What is left, before this request."""
        if spec.algo == "S":
            return spec.limit - self.sliding(spec, self.slot(spec, now))
        if spec.algo == "B":
            return self.level(spec, now) // spec.span
        if spec.algo == "L":
            return spec.limit - self.counts.get(spec.place, 0)
        window = self.window(spec, now).now
        used = -(-window.used // spec.scale)
        return self.most(spec, now) - used - window.held

    def wait(self, spec: Spec, now: int, amount: int) -> int:
        """0: it fits; else how long until it does, or -1."""
        if amount <= self.free(spec, now):
            return 0
        if amount > (spec.burst or spec.limit):
            return -1
        if spec.algo == "L":
            return 1000
        if spec.algo == "C":
            return self.window(spec, now).now.end - now
        if spec.algo == "B":
            return -(-(amount * spec.span - self.level(spec, now)) // spec.limit)
        slot = self.slot(spec, now)
        later = next(
            s for s in range(slot + 1, slot + SLOTS + 1)
            if self.sliding(spec, s) + amount <= spec.limit
        )  # fmt: skip
        return later * spec.span - now

    def take(self, spec: Spec, now: int, amount: int) -> Part:
        if spec.algo == "S":
            slot = self.slot(spec, now)
            self.add(spec, slot, now, amount)
            return Part(spec, amount, slot)
        if spec.algo == "B":
            level = self.level(spec, now) - amount * spec.span
            self.levels[spec.place] = (level, self.since(spec, now))
            return Part(spec, amount, spec.burst * spec.span)
        if spec.algo == "L":
            self.counts[spec.place] = self.counts.get(spec.place, 0) + 1
            return Part(spec, 1, 0)
        calendar = self.window(spec, now)
        self.calendars[spec.place] = calendar
        calendar.now.held += amount
        calendar.now.limit = spec.limit
        return Part(spec, amount, calendar.now.wid)

    # The algorithms' state.

    def sliding(self, spec: Spec, slot: int) -> int:
        slots = self.slots.get(spec.place, {})
        return sum(slots.get(s, 0) for s in range(slot - SLOTS + 1, slot + 1))

    def add(self, spec: Spec, slot: int, now: int, amount: int) -> None:
        slots = self.slots.setdefault(spec.place, defaultdict(int))
        slots[slot] += amount
        self.last_slot[spec.place] = self.slot(spec, now)

    def slot(self, spec: Spec, now: int) -> int:
        """A sliding window's slot of now: it never goes back."""
        return max(now // spec.span, self.last_slot.get(spec.place, 0))

    def since(self, spec: Spec, now: int) -> int:
        """The instant that a bucket's level is of: it never goes back."""
        return max(now, self.levels[spec.place][1]) if spec.place in self.levels else now

    def level(self, spec: Spec, now: int) -> int:
        full = spec.burst * spec.span
        level, since = self.levels.get(spec.place, (full, now))
        return min(full, level + max(0, now - since) * spec.limit)

    def carry(self, window: Window, spec: Spec) -> int:
        return max(0, min(spec.cap, window.left))

    def window(self, spec: Spec, now: int) -> Calendar:
        """The windows as they would be at now; stored only by an admission."""
        start = now // spec.span * spec.span
        known = self.calendars.get(spec.place)
        if known is None:
            return Calendar(Window(start, start + spec.span, spec.limit))
        if now < known.now.end:
            return known
        old = known.now
        left = old.limit + self.carry(old, spec) - old.used // spec.scale - old.held
        fresh = Window(max(start, old.end), start + spec.span, spec.limit, left)
        return Calendar(fresh, old)

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

    def move(self, part: Part, before: int, after: int, now: int, held: bool) -> None:
        """Replace `before` (held: the part's amount) by `after`, both in units of 1 / scale."""
        spec = part.spec
        delta = -(-after // spec.scale) - (part.amount if held else -(-before // spec.scale))
        if spec.algo == "S":
            current = self.slot(spec, now)
            if current - part.pos < SLOTS:
                self.add(spec, part.pos, now, delta)
            else:
                self.add(spec, current, now, max(0, delta))
        elif spec.algo == "B":
            full = part.pos
            level, since = self.levels[spec.place]
            level = min(full, level + max(0, now - since) * spec.limit)
            level = min(full, level - delta * spec.span)
            self.levels[spec.place] = (level, self.since(spec, now))
        elif spec.algo == "L":
            self.counts[spec.place] -= held
        else:
            self.move_window(part, before, after, held)

    def move_window(self, part: Part, before: int, after: int, held: bool) -> None:
        calendar = self.calendars[part.spec.place]
        window = calendar.now if calendar.now.wid == part.pos else calendar.before
        if window is None or window.wid != part.pos:
            return
        scale = part.spec.scale
        units_before = window.used // scale
        window.used += after if held else after - before
        if held:
            window.held -= part.amount
        if window is calendar.before:
            freed = part.amount if held else 0
            calendar.now.left += freed - (window.used // scale - units_before)

    def close(self, rid: str, vector: tuple[int, ...], now: int, state: str) -> None:
        record = self.records[rid]
        for part, share in zip(record.parts, self.shares(record, vector), strict=True):
            self.move(part, 0, share, now, held=True)
        record.state, record.charged = state, vector
        self.journal.append((rid, 0, record.t0, vector))

    def settle(self, rid: str, vector: tuple[int, ...]) -> int:
        record = self.records.get(rid)
        if record is None:
            return -3
        if record.state in {"settled", "adjusted"}:
            return 1
        now = self.clock()
        self.tick()
        if record.state == "open":
            self.close(rid, vector, now, "settled")
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
        self.journal.append((rid, 1, record.t0, more))
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
        for rid in due:
            record = self.records[rid]
            fallback = record.crash if record.dispatched else ZERO
            self.close(rid, record.progress or fallback, now, "reaped")
        return len(due)

    def renew(self, rid: str, lease: int, progress: tuple[int, ...] | None) -> int:
        now = self.clock()
        self.tick()
        record = self.records.get(rid)
        if record is None or record.state != "open":
            return -3
        record.expires = now + lease
        record.dispatched = True
        record.progress = progress or record.progress
        return 0

    def top_up(self, rid: str, lease: int, more: tuple[int, ...]) -> str | int:
        record = self.records.get(rid)
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

    def grows(self, part: Part, now: int, amount: int) -> bool:
        spec = part.spec
        if spec.algo != "C":
            return amount <= self.free(spec, now)
        calendar = self.calendars[spec.place]
        if calendar.now.wid == part.pos:
            window = calendar.now
            used = -(-window.used // spec.scale) + window.held
            return used + amount <= spec.limit + self.carry(window, spec)
        before = calendar.before
        return before is not None and before.wid == part.pos and amount <= calendar.now.left

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
