"""What goes wrong in one schedule, when, and to whom: drawn from its seed before anything runs."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SECONDS: Final = 40.0  # of load, in virtual time
GATEWAYS: Final = 3
_MOST: Final = 9


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its kind (a name of KINDS), when, for how long, and which gateway's."""

    at: float
    kind: str
    seconds: float
    gateway: int

    def __str__(self) -> str:
        whose = f" gateway {self.gateway}" if KINDS[self.kind].of_gateway else ""
        return f"{self.at:8.3f} s  {self.kind}{whose}, {self.seconds:.3f} s"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: how likely, how long, whether of one gateway."""

    weight: int
    lasts: Callable[[random.Random], float]
    of_gateway: bool = True


def _short(chance: random.Random) -> float:
    return chance.uniform(0.01, 2.0)


def _any(chance: random.Random) -> float:
    return chance.choice((0.05, 0.4, 1.2, 5.0, 12.0, 30.0)) * chance.uniform(0.5, 1.0)


KINDS: Final = {
    "cut, all on the way lost": Kind(3, _short),
    "cut, all on the way arrives": Kind(3, _short),
    "deaf": Kind(3, _any),
    "mute": Kind(3, _any),
    "partition": Kind(3, _any),
    "late": Kind(4, _any),
    "killed, started again after": Kind(5, _any),
    "stands still": Kind(3, _any),
    "server stands still": Kind(2, _any, of_gateway=False),
    "server killed, back after": Kind(2, _short, of_gateway=False),
    "scripts flushed": Kind(1, _short, of_gateway=False),
    "read-only": Kind(1, _any, of_gateway=False),
    "out of memory": Kind(1, _any, of_gateway=False),
    "restarted with a clock an hour ahead": Kind(1, _short, of_gateway=False),
    "restarted with a clock an hour back": Kind(1, _short, of_gateway=False),
}


def faults_of(seed: int) -> list[Fault]:
    """The faults of a seed, in their order."""
    chance = random.Random(f"faults {seed}")
    weights = [kind.weight for kind in KINDS.values()]
    found = []
    for _ in range(chance.randint(1, _MOST)):
        (name,) = chance.choices(list(KINDS), weights)
        at = chance.uniform(1.0, SECONDS - 5)
        found.append(Fault(at, name, KINDS[name].lasts(chance), chance.randrange(GATEWAYS)))
    return sorted(found, key=lambda fault: fault.at)
