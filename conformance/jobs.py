"""The jobs: what is asked of a client, and what it ends with where all goes well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from conformance.scripted.others import HEARD
from conformance.scripted.scripts import (
    AFTER,
    CACHED,
    FOUND,
    HELLO,
    PERSON,
    SEAL,
    SOURCE,
    STORY,
    THOUGHT,
)
from conformance.scripted.words import INPUT_TOKENS, OUTPUT_TOKENS

Outcome = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """`expected` is part of what a driver reports; what else it reports is compared only."""

    name: str
    asks: str
    expected: Outcome = field(default_factory=dict)
    translated: bool = True  # whether a backend of another protocol can do it

    def succeeded(self, outcome: Outcome) -> bool:
        """Whether a client ended as it should."""
        if self.name != "errors" and "error" in outcome:
            return False
        if outcome.get("counts", {}).get("failed"):
            return False
        return all(outcome.get(key) == value for key, value in self.expected.items())


_IMAGE_SEEN: Final = "I see 1: 7d23964a."  # sha256 of the kits' picture
_TOOLS_SAID: Final = "The tools said: 21 degrees in Oslo; 21 degrees in Paris"
JOBS: Final[Mapping[str, Job]] = MappingProxyType(
    {
        job.name: job
        for job in (
            Job("say", "a question, answered whole", {"text": HELLO}),
            Job("stream", "the same, streamed", {"text": STORY, "pieces": "many"}),
            Job("tools", "two calls at once, their results, an answer", {"text": _TOOLS_SAID}),
            Job("structured", "an object by a schema", {"parsed": dict(PERSON)}),
            Job("vision", "a picture in the prompt", {"text": _IMAGE_SEEN}),
            Job("edit", "a spelling mended in a file of a folder", {"file": AFTER}),
            Job(
                "usage",
                "the tokens, whole and streamed",
                {
                    "whole": [INPUT_TOKENS, OUTPUT_TOKENS],
                    "streamed": [INPUT_TOKENS, OUTPUT_TOKENS],
                },
            ),
            Job("cached", "the tokens of a prompt that the server knew", {"cached": CACHED}),
            Job(
                "search",
                "a search that the server makes, and its source",
                {"text": FOUND, "source": SOURCE},
                translated=False,
            ),
            Job(
                "reason",
                "a sealed thought, and the seal given back",
                {"thought": THOUGHT, "text": f"I get back: {SEAL}"},
                translated=False,
            ),
            Job(
                "state",
                "a conversation that the server keeps: gone on with, read, deleted",
                {"text": "You said: My name is Ada. What is my name?", "gone": 404},
            ),
            Job("embed", "vectors of two texts", {"vectors": [[3.0, 0.5, -0.25]] * 2}, False),
            Job("complete", "a text continued", {"text": " and so on."}, False),
            Job("moderate", "a text judged", {"flagged": True}, translated=False),
            Job(
                "image",
                "a picture made, and one changed",
                {"made": "a cat from nothing", "changed": "a dog 7d23964a"},
                translated=False,
            ),
            Job("speech", "a text spoken", {"sound": "sound of Hello by alloy"}, translated=False),
            Job(
                "transcribe",
                "a sound written down",
                {"text": f"{HEARD} 42326ba3"},
                translated=False,
            ),
            Job("count", "tokens counted beforehand", {"counted": True}),
            Job(
                "model",
                "the real small model at temperature 0, whole and streamed",
                {"agrees": True},
                translated=False,
            ),
            Job("suite", "a suite of others, test by test"),
            Job("errors", "a wrong key, a model that is none", {}),
        )
    }
)
