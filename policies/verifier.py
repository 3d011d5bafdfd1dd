"""What a verifier is: one check of an answer, by rule; and what it sees of the answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

_NO_TOOLS: Final[Mapping[str, Any]] = MappingProxyType({})


class Called(Protocol):
    """One call of a tool, in an answer."""

    @property
    def name(self) -> str:
        """The tool's name."""

    @property
    def kind(self) -> str:
        """`function`, or `custom` for a tool that takes free text."""

    @property
    def arguments(self) -> str:
        """Its arguments as they came: JSON, if all is well; or the free text."""


class Answered(Protocol):
    """One answer, whole or as much of it as has come."""

    @property
    def text(self) -> str:
        """All that it says."""

    @property
    def refusal(self) -> str:
        """What it says instead of an answer."""

    @property
    def calls(self) -> Sequence[Called]:
        """The tools it calls."""

    @property
    def mean_logprob(self) -> float | None:
        """Mean log-probability of its tokens; None where the backend reported none."""

    @property
    def ended(self) -> bool:
        """Whether it came to its end, whatever that was."""

    @property
    def filtered(self) -> bool:
        """Whether the model or a filter ended it."""

    @property
    def truncated(self) -> bool:
        """Whether a limit ended it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the answer must fit. `form` is json_schema, json_object or none; `schema` what the text
    must fit; `tools` the JSON schemas of the arguments by the tool's name; `call` says that some
    tool must be called; `limited` that the client itself set how long the answer may be."""

    form: str | None = None
    schema: Any = None
    tools: Mapping[str, Any] = field(default_factory=lambda: _NO_TOOLS)
    call: bool = False
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Verifier:
    """One check. `meaning`: what is wrong with an answer that fails it, as the guide says it;
    `early`: it can judge the beginning of a stream.

    `check` says in a few words what is wrong with an answer, None where nothing is; its words go to
    clients and logs, so they hold no text of the answer.
    """

    check: Callable[[Answered, Wanted], str | None]
    early: bool = False
    meaning: str = "a plugin says so"
