"""What backends think unseen: tokens that they count, bill, and show to nobody.

A stream that its client cuts tells no usage, so its thoughts would be free. What they are likely to
have been is learnt from answers that came to their end: by backend and effort, an average that the
latest answers weigh most in. Kept in this process; a restart only makes the first guesses coarser.
"""

from typing import Final, NamedTuple

_WEIGHT: Final = 16  # an answer counts for a sixteenth, once that many are known
_MOST: Final = 10_000  # pairs of backend and effort


class _Known(NamedTuple):
    answers: int
    tokens: float
    first_after: float  # seconds until the first of an answer was there


class ThoughtHistory:
    """The averages. `thinking` are the backends that are known to think unseen."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}
        self.thinking: set[str] = set()

    def observe(self, backend: str, effort: str, tokens: int, first_after: float) -> None:
        """Remember how many tokens of one answer were thoughts that nobody saw, and after how many
        seconds the rest began. Answers without any count for backends that think at times."""
        if not tokens and backend not in self.thinking:
            return
        self.thinking.add(backend)
        if len(self._known) >= _MOST:
            self._known.clear()
        for key in ((backend, effort), (backend, "")) if effort else ((backend, ""),):
            self._known[key] = _next(self._known.get(key), tokens, first_after)

    def expected(self, backend: str, effort: str = "", waited: float | None = None) -> int:
        """The tokens that an answer's thoughts are likely to have; where `waited` is said, those of
        so many seconds of them."""
        if backend not in self.thinking:
            return 0
        known = self._known.get((backend, effort)) or self._known.get((backend, ""))
        if known is None:
            return 0
        share = 1.0
        if waited is not None:
            share = min(1.0, waited / known.first_after) if known.first_after > 0 else 1.0
        return int(known.tokens * share)


def _next(known: _Known | None, tokens: int, first_after: float) -> _Known:
    if known is None:
        return _Known(1, float(tokens), first_after)
    answers = min(known.answers + 1, _WEIGHT)
    return _Known(
        answers,
        known.tokens + (tokens - known.tokens) / answers,
        known.first_after + (first_after - known.first_after) / answers,
    )
