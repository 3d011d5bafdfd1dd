"""What the ledger's limits hold, in plain Python: sliding windows, buckets, counts and calendars.

Money is kept in whole pico-USD here, sliding windows as a table of slots that never forgets, and
calendar windows as objects: no rings, no remainders, no packed state.
"""

from collections import defaultdict
from dataclasses import dataclass

SLOTS = 13
REST = 1_000  # the clock is stored no more often


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
    began: int = 0  # when the first window was opened


@dataclass
class Part:
    spec: Spec
    amount: int
    pos: int


def units(vector: tuple[int, ...], spec: Spec) -> int:
    return -(-vector[spec.metric - 1] // spec.scale)


class Windows:
    """What every limit holds, and the clock that moves them."""

    def __init__(self, real: int) -> None:
        self.real = real
        self.stored: tuple[int, int] | None = None
        self.slots: dict[tuple[str, str], dict[int, int]] = {}
        self.last_slot: dict[tuple[str, str], int] = {}
        self.levels: dict[tuple[str, str], tuple[int, int]] = {}
        self.calendars: dict[tuple[str, str], Calendar] = {}
        self.counts: dict[tuple[str, str], int] = {}

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

    def hear(self) -> None:
        """A script looked at the clock: a jump back is stored at once."""
        if self.stored is not None and self.real < self.stored[1]:
            self.stored = (self.stored[0], self.real)

    def tick(self) -> None:
        if self.stale():
            self.stored = (self.clock(), self.real)

    # Asking and taking.

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

    # Giving back.

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
            return Calendar(Window(start, start + spec.span, spec.limit), began=now)
        if now < known.now.end:
            return known
        old = known.now
        left = old.limit + self.carry(old, spec) - old.used // spec.scale - old.held
        fresh = Window(max(start, old.end), start + spec.span, spec.limit, left)
        return Calendar(fresh, old)
