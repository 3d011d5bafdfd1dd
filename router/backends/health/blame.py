"""What is held against one deployment, so that a request's fault is never taken for the server's.

Theory of operation. Four things may keep a request from a deployment:

- The *whole* deployment rests: it could not be reached (its breaker), no token can be had, or a
  limit of its account is told to be used up. No request can be why, so everybody waits.
- It told somebody to *stay away* (a 429, a 503 with Retry-After, a refused key): who was told
  rests, and everybody once several were (`rests.py`).
- A *kind* of request rests: failures that a request may have caused (a 500, a broken connection, an
  answer that cannot be read) came from at least two customers, from half of those who asked the
  like lately, and from enough requests. A kind is an operation, the features it needs and its size:
  a server that dies of images goes on with texts.
- One *customer* rests with that kind, after so many such failures in a row and nobody else to share
  the blame. It is the only one who notices.

A request that fails alike wherever it is asked is its own fault, and not counted, until as many
different ones of several customers did so as open a breaker, and nothing was answered between: then
it is the servers' after all.

After a rest the first to try is a request of a kind, and of a customer, that nothing is held
against: those who failed wait longer, by their failures. What is remembered is bounded in number
and forgotten after MEMORY seconds.

The clock is an argument: seconds of any monotonic clock.
"""

from dataclasses import dataclass, field
from typing import Final

from router.backends.health.breaker import Breaker, BreakerPolicy, State
from router.backends.health.rests import Rests
from router.backends.health.voice import Voice

MEMORY: Final = 120.0  # seconds
MOST_KINDS: Final = 32
MOST_CUSTOMERS: Final = 64
MANY_CUSTOMERS: Final = 3  # whose different requests do not all fail of themselves


@dataclass(slots=True)
class _Luck:
    """How one customer fares with one kind: failures in a row, the last of them, a rest."""

    row: int = 0
    at: float = 0.0
    until: float = 0.0


@dataclass(slots=True)
class _KindRecord:
    """How customers fare with one kind of request."""

    breaker: Breaker
    lucks: dict[str, _Luck] = field(default_factory=dict)

    def failing(self) -> list[_Luck]:
        """Those whose last request of this kind failed."""
        return [luck for luck in self.lucks.values() if luck.row]

    def forget(self, now: float) -> None:
        """Forget who was not heard of for long."""
        for customer in [name for name, luck in self.lucks.items() if now - luck.at > MEMORY]:
            del self.lucks[customer]

    def luck_of(self, customer: str) -> _Luck:
        """One customer's luck; the one heard of longest ago makes room for a new one."""
        luck = self.lucks.get(customer)
        if luck is None:
            if len(self.lucks) >= MOST_CUSTOMERS:
                del self.lucks[min(self.lucks, key=lambda name: self.lucks[name].at)]
            luck = self.lucks[customer] = _Luck()
        return luck


class Blame:
    """One deployment's breakers. Ask `allows` before a try; report `began` and the outcome.

    `all_clear` is true while nothing is held against the deployment: then every try is allowed, and
    neither `began` nor `succeeded` would change anything, so callers may skip both.
    """

    __slots__ = (
        *("_alike", "_down_until", "_kinds", "_of_kinds", "_policy", "_rests", "_row", "_whole"),
        "all_clear",
    )

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self._policy = policy or BreakerPolicy()
        self._of_kinds = BreakerPolicy(
            1, self._policy.rest, self._policy.max_rest, self._policy.ramp
        )
        self._whole = Breaker(self._policy)
        self._rests = Rests()
        self._kinds: dict[str, _KindRecord] = {}
        # What failed everywhere since something was answered: whose it was, and when.
        self._alike: dict[int, tuple[str, float]] = {}
        self._row = 0  # failures in a row, of whomever and whatever
        self._down_until = 0.0
        self.all_clear = True

    @property
    def state(self) -> State:
        """Where the breaker of the whole deployment stands."""
        return self._whole.state

    def answers(self, now: float) -> bool:
        """Whether anybody may ask now: the whole does not rest, and something goes well there."""
        return self.all_clear or (self._whole.allows(now) and now >= self._down_until)

    def allows(self, now: float, voice: Voice) -> bool:
        """Whether this request may be sent now."""
        if self.all_clear:
            return True
        whole, record = self._whole, self._kinds.get(voice.kind)
        if not whole.allows(now) or self._rests.resting(voice, now):
            return False
        if record is None:
            return True
        luck = record.lucks.get(voice.customer)
        if luck is not None and now < luck.until:
            return False
        if whole.state is not State.CLOSED and record.failing() and self._is_just_back(now):
            return False
        return record.breaker.allows(now)

    def resting(self, now: float, voice: Voice) -> float:
        """Seconds until this request may be tried again; 0 where it may now."""
        rest, record = self._whole.resting(now), self._kinds.get(voice.kind)
        rest = max(rest, self._rests.resting(voice, now))
        if record is None:
            return rest
        luck = record.lucks.get(voice.customer)
        own = 0.0 if luck is None else luck.until - now
        return max(rest, own, record.breaker.resting(now))

    def began(self, now: float, voice: Voice) -> None:
        """A request was sent."""
        self._whole.began(now)
        record = self._kinds.get(voice.kind)
        if record is not None:
            record.breaker.began(now)

    def let_in(self, sent: float) -> None:
        """A request that was sent at this instant begins to be answered."""
        self._rests.let_in(sent)

    def succeeded(self, now: float, voice: Voice) -> None:
        """The request was answered."""
        self._row, self._down_until = 0, 0.0
        self._alike.clear()
        self._whole.succeeded(now)
        record = self._kinds.get(voice.kind)
        if record is not None:
            luck = record.luck_of(voice.customer)
            luck.row, luck.at, luck.until = 0, now, 0.0
            record.breaker.succeeded(now)
        for kind in [name for name, known in self._kinds.items() if _is_over(known, now)]:
            del self._kinds[kind]
        rested = self._rests.forget(now)
        self.all_clear = self._whole.all_clear and rested and not self._kinds

    def unreachable(self, now: float) -> None:
        """The server could not be reached: no request can be why."""
        self.all_clear = False
        self._whole.failed(now)

    def failed(self, now: float, voice: Voice) -> None:
        """The request failed for a reason that may be the server's, or its own."""
        self.all_clear = False
        self._row += 1
        self._whole.succeeded(now)  # it was reached, at least
        record = self._record(voice.kind)
        record.forget(now)
        luck = record.luck_of(voice.customer)
        luck.row += 1
        luck.at = now
        if luck.row >= self._policy.threshold:
            luck.until = now + self._rest_after(luck.row)
        if self._is_the_kinds(record):
            self._rest_kind(record, now)
        else:
            record.breaker.abandoned()

    def failed_alike(self, now: float, voice: Voice, subject: int) -> None:
        """The request failed here as it did wherever else it was asked."""
        self.all_clear = False
        alike = self._alike
        alike.pop(subject, None)
        alike[subject] = voice.customer, now
        for old in [known for known, (_, at) in alike.items() if now - at > MEMORY]:
            del alike[old]
        if len(alike) > MOST_CUSTOMERS:
            del alike[next(iter(alike))]
        customers = {customer for customer, _ in alike.values()}
        if len(alike) >= self._policy.threshold and len(customers) >= MANY_CUSTOMERS:
            self.failed(now, voice)

    def abandoned(self, voice: Voice) -> None:
        """The request ended without telling anything of the server: the client left."""
        self._whole.abandoned()
        self._let_go(voice)

    def rest_for(self, seconds: float, now: float, voice: Voice) -> None:
        """Everybody has to stay away for so many seconds: no request can be why."""
        self.all_clear = False
        self._whole.rest_for(seconds, now)
        self._let_go(voice)

    def told_to_rest(self, seconds: float, now: float, voice: Voice) -> None:
        """The request was refused with so many seconds to stay away, or as its kind of refusal
        needs; whether that concerns others too is for others to find out."""
        everybody = self._rests.refused(voice, seconds, now)
        if everybody:
            self.rest_for(everybody, now, voice)
        else:
            self.all_clear = False
            self.abandoned(voice)

    def _let_go(self, voice: Voice) -> None:
        """A try of this kind is over, and tells nothing of it."""
        record = self._kinds.get(voice.kind)
        if record is not None:
            record.breaker.abandoned()

    def _is_the_kinds(self, record: _KindRecord) -> bool:
        """Whether more than one customer's requests fail, and half of all who ask the like."""
        failing = record.failing()
        enough = sum(luck.row for luck in failing) >= self._policy.threshold
        return enough and len(failing) > 1 and 2 * len(failing) >= len(record.lucks)

    def _rest_kind(self, record: _KindRecord, now: float) -> None:
        """The kind rests; those who failed most may try again last."""
        record.breaker.failed(now)
        until = now + record.breaker.resting(now)
        for luck in record.failing():
            share = min(1.0, luck.row / self._policy.threshold)
            luck.until = max(luck.until, until + share * self._policy.rest)
        if self._row >= self._policy.threshold:  # and nothing went well between
            self._down_until = until

    def _is_just_back(self, now: float) -> bool:
        """Whether its rest is over so shortly that requests of other kinds should try it first."""
        return now < self._whole.until + self._policy.rest

    def _rest_after(self, row: int) -> float:
        doublings = min(row - self._policy.threshold, 16)
        return min(self._policy.rest * 2.0**doublings, self._policy.max_rest)

    def _record(self, kind: str) -> _KindRecord:
        record = self._kinds.get(kind)
        if record is None:
            if len(self._kinds) >= MOST_KINDS:
                del self._kinds[next(iter(self._kinds))]
            record = self._kinds[kind] = _KindRecord(Breaker(self._of_kinds))
        return record


def _is_over(record: _KindRecord, now: float) -> bool:
    """Whether nothing is held against a kind any more."""
    record.forget(now)
    breaker = record.breaker
    return not record.failing() and (breaker.state is State.CLOSED or not record.lucks)
