"""The faults of a drill, one row each: what is done, to what, and how it is mended.

Each works on a running stack while customers send, and adds promises of its own to its findings;
what notes and books say is added when all faults are over. A fault leaves everything mended.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from router.drills.backend_faults import answer_wrongly, stall_a_backend, stall_a_client
from router.drills.fault_tools import Scene
from router.drills.gateway_faults import kill_a_gateway, reload_a_broken_policy, restart_in_turn
from router.drills.ledger_faults import (
    fill_the_disk,
    kill_the_ledger,
    move_the_clock,
    stall_the_ledger,
)

Cause = Callable[[Scene], Awaitable[None]]
LEDGER: Final = "ledger"  # the drill of the ledger alone, without gateways


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what is done, by which function. `away`: the ledger is away meanwhile."""

    what: str
    cause: Cause
    away: bool = False


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        "kill-gateway": Fault(
            "one of two gateways is killed (SIGKILL) in the middle of streams, and started again",
            kill_a_gateway,
        ),
        "kill-ledger": Fault(
            "the ledger's server is killed (SIGKILL), and started again on what it wrote",
            kill_the_ledger,
            away=True,
        ),
        "stall-ledger": Fault(
            "the ledger's server stands still (SIGSTOP), and goes on", stall_the_ledger, away=True
        ),
        "stall-backend": Fault(
            "the stand-in of the busiest backend stands still (SIGSTOP), and goes on",
            stall_a_backend,
        ),
        "stall-client": Fault("clients stop reading long streams", stall_a_client),
        "fill": Fault(
            "no file of the gateways grows any more (RLIMIT_FSIZE), and the ledger is killed: its"
            " settlements go to a full disk",
            fill_the_disk,
            away=True,
        ),
        "backend": Fault(
            "the busiest backend's stand-in answers 429, 500, garbage, half streams, then late",
            answer_wrongly,
        ),
        "roll": Fault(
            "both gateways are restarted in turn (SIGTERM) behind a balancer that asks /readyz",
            restart_in_turn,
        ),
        "reload": Fault("a broken policy is written and reloaded (SIGHUP)", reload_a_broken_policy),
        "skew": Fault(
            "the ledger's server is killed and starts with its clock an hour ahead, then behind",
            move_the_clock,
            away=True,
        ),
    }
)
NAMES: Final = (*FAULTS, LEDGER)


def chosen(only: str | None) -> list[str]:
    """The faults that a list names: whole names, or what they begin with (`kill`, `stall`); all
    without one. Raises ValueError with the word that names none.
    """
    if only is None:
        return list(NAMES)
    wanted: set[str] = set()
    for word in filter(None, (part.strip() for part in only.split(","))):
        meant = [name for name in NAMES if name == word or name.startswith(f"{word}-")]
        if not meant:
            raise ValueError(f"there is no fault `{word}`: choose of {', '.join(NAMES)}")
        wanted.update(meant)
    if not wanted:
        raise ValueError(f"no fault is named: choose of {', '.join(NAMES)}")
    return [name for name in NAMES if name in wanted]
