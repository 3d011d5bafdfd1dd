"""The demo's conversation pieces: what is asked, by whom, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from openai.types.chat import ChatCompletionMessageParam

Customer = Literal["free", "pro", "enterprise"]

_WEATHER_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city, today.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

_INTEGRAL: Final = (
    "Let f be a continuous function on [0, 1] with f(x) + f(1 - x) = 1 for all x. Find the value "
    "of the integral of f(x)^2 over [0, 1] when f(x) = sin^2(pi x / 2), and prove your answer."
)
_MINUTES: Final = (
    "The committee met at nine and approved the minutes of the last meeting. The roof of the east "
    "wing will be repaired in spring; two offers are in, and a third is expected by Friday. The "
    "library asks for longer opening hours on Saturdays. Parking remains a problem. "
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One request of the demo. `note` says why it is there."""

    title: str
    note: str
    customer: Customer
    text: str
    max_tokens: int = 48
    stream: bool = False
    model: str = "auto"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def messages(self) -> list[ChatCompletionMessageParam]:
        """The request's messages."""
        return [{"role": "user", "content": self.text}]


PIECES: Final = (
    Piece(
        "Plants",
        "easy quiz",
        "pro",
        "Which gas do plants take in from the air? "
        "A. oxygen B. carbon dioxide C. nitrogen D. helium",
    ),
    Piece(
        "Apples",
        "easy sum, streamed",
        "pro",
        "Tom has 3 apples and buys 4 more. How many apples does he have now?",
        stream=True,
    ),
    Piece(
        "Greeting",
        "an app that asks for gpt-4o-mini",
        "pro",
        "Say hello to a new colleague in one friendly sentence.",
        model="gpt-4o-mini",
    ),
    Piece(
        "Red Planet",
        "knowledge, streamed",
        "pro",
        "Which planet is known as the Red Planet?",
        stream=True,
    ),
    Piece(
        "Palindrome",
        "code",
        "pro",
        "Write a Python function that returns True if a string is a palindrome.",
        max_tokens=64,
    ),
    Piece(
        "Weather",
        "tool call",
        "pro",
        "What is the weather in Lisbon today? Use the tool.",
        extra={"tools": [_WEATHER_TOOL]},
    ),
    Piece(
        "Integral",
        "hard mathematics",
        "enterprise",
        _INTEGRAL,
        max_tokens=96,
    ),
    Piece(
        "Zebra puzzle",
        "hard reasoning, streamed",
        "enterprise",
        "There are 5 houses in a row, each of a different colour, with owners of different nations "
        "who keep different pets. The Briton lives in the red house. The Swede keeps dogs. The "
        "Dane drinks tea. The green house is on the left of the white house. The owner of the "
        "green house drinks coffee. Who keeps the fish? Return the full grid of houses as JSON.",
        max_tokens=96,
        stream=True,
    ),
    Piece(
        "Integral, free",
        "hard, by a free customer",
        "free",
        _INTEGRAL,
        max_tokens=64,
    ),
    Piece(
        "Minutes",
        "long text",
        "pro",
        "Summarise these minutes in two sentences.\n\n" + _MINUTES * 24,
        max_tokens=64,
    ),
    Piece(
        "Private",
        "personal data stays at home",
        "enterprise",
        "Draft a one-line reply to jane.roe@example.com: her card 4111 1111 1111 1111 was charged "
        "twice, prove mathematically that the refund is correct.",
    ),
)
