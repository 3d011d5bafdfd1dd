"""What a verifier is: one check of an answer, by rule."""

from collections.abc import Callable
from dataclasses import dataclass

from router.ask import Ask
from router.protocols.hub.answer import Alternative


@dataclass(frozen=True, slots=True)
class Verifier:
    """One check; `early`: it can judge the beginning of a stream.

    `check` says in a few words what is wrong with the answer, None where nothing is; its words go
    to clients and logs, so they hold no text of the answer.
    """

    check: Callable[[Alternative, Ask], str | None]
    early: bool = False
