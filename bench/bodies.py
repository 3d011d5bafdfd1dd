"""`python -m bench.bodies`: relaying a body as bytes beside reading it and writing it again.

CPU of this process in microseconds, each way the best of several short rounds, all in turn.
"""

import timeit
from collections.abc import Callable
from typing import Final

import orjson

from bench.payloads import agent, chat
from router.protocols.scan import SCANS_IN, Scan, scan, scan_in_python
from router.protocols.splice import splice

ROUNDS: Final = 15
SECONDS: Final = 0.05  # of a round
_MODEL: Final = b'"gpt-4.1"'
_FOLDED: Final = frozenset({"stream_options"})
Way = Callable[[bytes], bytes]


def rewritten(raw: bytes) -> bytes:
    """Read, and written again under another model: of twins the last one counts."""
    return orjson.dumps(orjson.loads(raw) | {"model": "gpt-4.1"})


def spliced(scanned: Scan) -> Way:
    """Read for its facts, scanned, and relayed but for the model."""

    def way(raw: bytes) -> bytes:
        orjson.loads(raw)
        return splice(raw, scanned(raw, _FOLDED), {"model": _MODEL})

    return way


WAYS: Final[dict[str, Way]] = {
    "rewritten": rewritten,
    f"spliced, scan in {SCANS_IN}": spliced(scan),
    "spliced, scan in python": spliced(scan_in_python),
}


def measure(raw: bytes) -> dict[str, float]:
    """Microseconds of each way for one body."""
    timers = {name: timeit.Timer(lambda way=way: way(raw)) for name, way in WAYS.items()}
    loops = {name: round(SECONDS / timer.timeit(20) * 20) for name, timer in timers.items()}
    best = dict.fromkeys(WAYS, float("inf"))
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            best[name] = min(best[name], timer.timeit(loops[name]) / loops[name] * 1e6)
    return best


def main() -> None:
    """Print a table."""
    for title, raw in (("chat", chat()), ("agent", agent()), ("chat, 20 KB", chat(20_000))):
        measured = measure(raw)
        print(f"{title} ({len(raw):,} bytes)")
        for name, spent in measured.items():
            share = spent / measured["rewritten"]
            print(f"  {name:<26}{spent:8.2f} us {spent / len(raw) * 1024:6.2f} us/KB {share:5.2f}")


if __name__ == "__main__":
    main()
