"""What a server's word on its own use may come to: its window, what was seen of the answer, and for
a cost that it tells, a multiple of what its prices make of that use.

Most answers are far below all of this and are not looked at (`PLENTY`). A count beyond it is
charged at the bound; the row is then `estimated`, and the operator is told.
"""

from typing import Final

from router.ask import KEPT_ELSEWHERE, Ask
from router.backends.backend import Backend
from router.counters import CACHED, INPUT, OUTPUT, WRITTEN, fitted, root_of
from router.domain import Usage
from router.protocols.risks import EXTRAS, offers_hosted
from router.units import FEES, IMAGE, SECOND, Units

PLENTY: Final = 16_384  # tokens in and out that need no look
_USUAL_WINDOW: Final = 128_000  # tokens, where a backend's is not known
_LARGEST_WINDOW: Final = 2_097_152  # of a request that names what is kept elsewhere
_MOST_OUTPUT: Final = 32_768  # tokens of an answer, where nobody said how many its model writes
_BYTES_PER_DELTA: Final = 16  # a piece of a stream that counts as one token
_ROUNDS: Final = 16  # in which a server reads the conversation anew, where it runs tools itself
_COMPACTS: Final = "context_management"
_MOST_FEES: Final = 1_000  # uses of a hosted tool in one answer
_MOST_SECONDS: Final = 86_400  # of sound
_TIMES: Final = 10  # what its dearest tokens cost: another provider's, a class of service
_MOST_FEE: Final = 10**11  # pico-USD besides: an answer's, each picture's and hosted tool's


def bounded(usage: Usage, backend: Backend, ask: Ask, *, seen: int, whole: int) -> Usage:
    """The usage as far as it can be true; the same object where all of it can.

    `seen` are the output tokens that the gateway counted of a stream, `whole` the bytes of an
    answer that came whole.
    """
    rounds = _rounds(ask)
    most_input = rounds * _window(backend, ask)
    most_output = _most_output(usage, backend, ask, rounds, max(seen * _BYTES_PER_DELTA, whole))
    units = _units(usage.units, ask) if usage.units else usage.units
    if _is_too_dear(usage, units, backend):
        usage = usage._replace(reported_pico=None, estimated=True)
    if usage.input_tokens <= most_input and usage.output_tokens <= most_output:
        return usage if units == usage.units else usage._replace(units=units, estimated=True)
    return _cut(usage, min(usage.input_tokens, most_input), min(usage.output_tokens, most_output))


def _is_too_dear(usage: Usage, units: Units, backend: Backend) -> bool:
    """Whether the cost that is told cannot be true; its prices count then."""
    told, dearest = usage.reported_pico, backend.dearest_pico
    if told is None or dearest is None:
        return False
    fees = sum([some for name, some in units if name in FEES or name == IMAGE])
    tokens = usage.input_tokens + usage.output_tokens
    return told > _TIMES * dearest * tokens + _MOST_FEE * (1 + fees)


def _rounds(ask: Ask) -> int:
    hosted = ask.features and offers_hosted(ask.features)
    if hosted or _COMPACTS in ask.members or not EXTRAS.isdisjoint(ask.members):
        return _ROUNDS
    return 1


def _window(backend: Backend, ask: Ask) -> int:
    """The most that it can read at once."""
    window = backend.context_window
    if window is None:
        window = _USUAL_WINDOW
        if ask.images or not ask.features.isdisjoint(KEPT_ELSEWHERE):
            window = _LARGEST_WINDOW
    return max(window, ask.text_bytes)


def _most_output(usage: Usage, backend: Backend, ask: Ask, rounds: int, seen: int) -> int:
    """The most that it can have written: what was seen or is told to be no text, and as much again
    as its answers may be long, for what servers count and do not tell."""
    window = max(backend.context_window or _USUAL_WINDOW, backend.max_output_tokens or 0)
    longest = backend.max_output_tokens or min(window, _MOST_OUTPUT)
    told = usage.reasoning_tokens
    told += sum([some for name, some in usage.parts if root_of(name) == OUTPUT])
    answers = ask.choices * rounds
    return max(seen, min(answers * window, seen + told + answers * longest))


def _cut(usage: Usage, given: int, output: int) -> Usage:
    """The usage with so many tokens at most; a cost that was told beside them is not believed."""
    read = min(usage.cached_tokens, given)
    written = min(usage.cache_write_tokens, given - read)
    thought = min(usage.reasoning_tokens, output)
    room = {INPUT: given - read - written, OUTPUT: output - thought, CACHED: read, WRITTEN: written}
    return usage._replace(
        input_tokens=given,
        output_tokens=output,
        cached_tokens=read,
        reasoning_tokens=thought,
        cache_write_tokens=written,
        reported_pico=None,
        parts=fitted(usage.parts, room),
        estimated=True,
    )


def _units(units: Units, ask: Ask) -> Units:
    """Fees and seconds as far as one answer can have them."""
    asked = dict(ask.units)
    most = dict.fromkeys(FEES, _MOST_FEES) | {SECOND: max(_MOST_SECONDS, asked.get(SECOND, 0))}
    return tuple([(name, min(some, most.get(name, some))) for name, some in units])
