"""One request's end, as the ledger has to be told."""

import struct
from dataclasses import replace
from typing import Final, Self

from policies.value import value
from router.domain import Estimate
from router.ledger.keys import Shard
from router.ledger.quotas.compiled_quotas import NOTHING, Plan, pack_estimate
from router.ledger.server.connection import Part

FIRST_SCOPE: Final = 3
_BODY: Final = struct.Struct("<BBIH")
_BODY_SIZE: Final = _BODY.size + len(NOTHING)
_NUMBERS: Final = struct.Struct("<4d")


@value
class Reservation:
    """The reserve call that made a hold, kept so that it can be made again.

    `args` are the hold's id, the numbers asked for, the body of its record, and perhaps a flag.
    `plan` packs the quotas anew where their calendar windows have ended since.
    """

    keys: tuple[Part, ...]
    args: tuple[bytes | str, ...]
    plan: Plan

    def forced(self) -> Self:
        """The same call, to be obeyed whether or not it fits."""
        return replace(self, args=(*self.args[:3], "f"))

    def at(self, now_ms: int) -> Self:
        """The same call, with the calendar windows of another instant."""
        rid, numbers, body, *flags = self.args
        packed = self.plan.pack(now_ms)
        assert isinstance(body, bytes)  # noqa: S101  # as a frame made it
        first = _BODY_SIZE + _BODY.unpack_from(body)[3]
        moved = body[:first] + packed + body[first + len(packed) :]
        return replace(self, args=(rid, numbers, moved, *flags))

    def crash(self) -> bytes:
        """What is charged when a gateway dies before any progress."""
        body = self.args[2]
        assert isinstance(body, bytes)  # noqa: S101  # as a frame made it
        return body[_BODY.size : _BODY_SIZE]

    def scopes(self) -> dict[int, str]:
        """The keys of its scopes, numbered as its plan's items number them."""
        found = self.keys[FIRST_SCOPE : FIRST_SCOPE + len(self.plan.levels)]
        return {n: str(key) for n, key in enumerate(found, 1)}


@value
class Frame:
    """What the reserve calls of one customer have in common. `begin`: of the body of a record;
    `addresses`: scope keys, one a line; `numbers`: lease in ms, where the plan begins in a body,
    how long in ms a user's scope lives, how many users may come a day, packed.
    """

    home: Shard
    plan: Plan
    scopes: tuple[str, ...]
    begin: bytes
    addresses: bytes
    numbers: bytes

    @classmethod
    def of(
        cls, home: Shard, plan: Plan, scopes: tuple[str, ...], lease_ms: int, users: tuple[int, int]
    ) -> Self:
        """The frame of these scopes. `users`: how long theirs live, how many may come a day."""
        addresses = "\n".join(scopes).encode()
        numbers = _NUMBERS.pack(lease_ms, _BODY_SIZE + len(addresses) + 1, *users)
        begin = _BODY.pack(0, 0, 0, len(addresses))
        return cls(home, plan, scopes, begin, addresses, numbers)

    def call(
        self, rid: str, estimate: Estimate, meta: bytes, now_ms: int, users: tuple[str, ...]
    ) -> Reservation:
        """A reserve call. `users`: where a scope is a user's, the keys of their count and of the
        scope that they overflow into.
        """
        home, plan = self.home, self.plan
        wants, crash = pack_estimate(estimate, int(rid[-2:], 16))
        keys: tuple[Part, ...] = (
            home.holds, home.clock, home.marks + rid[12:-2], *self.scopes, *users
        )  # fmt: skip
        body = b"".join((self.begin, crash, self.addresses, plan.packed(now_ms), meta))
        return Reservation(keys, (rid, self.numbers + wants, body), plan)


@value
class Settlement:
    """What one hold used, and its reservation, should the ledger not know it (any more).

    `reservation` is None for a reserve whose outcome is unknown: nothing was served, and where the
    ledger does not know it there is nothing to tell.
    """

    shard: Shard
    rid: str
    status: str
    used: bytes
    payload: bytes
    reservation: Reservation | None

    def call(self) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        """Keys and arguments of the settle call."""
        rid, status = self.rid, self.status
        row = b"%b%c%c%b%b%b" % (
            self.used, len(rid), len(status), rid.encode(), status.encode(), self.payload
        )  # fmt: skip
        return self.shard.closing, (rid, row)
