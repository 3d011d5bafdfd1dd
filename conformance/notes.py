"""Why a client fails or ends as direct: what the page says of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOTES: Final[Mapping[tuple[str, ...], str]] = MappingProxyType(
    {
        ("google-genai", "google-genai-node", "gemini-cli"): (
            "Turnout does not take Gemini's own requests (`/v1beta/models/...:generateContent`): "
            "the path is unknown to it, and these clients speak no other protocol."
        ),
    }
)
