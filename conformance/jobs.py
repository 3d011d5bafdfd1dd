"""The jobs: what is asked of a client, and what it ends with where all goes well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from conformance.scripted.scripts import AFTER, HELLO, PERSON, STORY
from conformance.scripted.writers import INPUT_TOKENS, OUTPUT_TOKENS

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
            Job("embed", "vectors of two texts", {"vectors": [[3.0, 0.5, -0.25]] * 2}, False),
            Job("complete", "a text continued", {"text": " and so on."}, False),
            Job("count", "tokens counted beforehand", {"counted": True}),
            Job(
                "model",
                "the real small model at temperature 0, whole and streamed",
                {"agrees": True},
                translated=False,
            ),
            Job("errors", "a wrong key, a model that is none", {}),
        )
    }
)
