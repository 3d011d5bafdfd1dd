"""Seals in Google's words: its own signatures as they are, those of others marked and in base64.

Google's clients take a `thoughtSignature` for base64 and give it back with its part. One that is
marked here is read again for its issuer, and never reaches Google's servers.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from router.protocols.hub.conversation import Seal
from router.protocols.hub.values import text_of

GEMINI: Final = "gemini"
SIGNATURE: Final = "thoughtSignature"
_MARK: Final = "turnout/"  # nine of its bytes would be three whole groups of base64
_MARKED: Final = b64encode(_MARK.encode()[:6]).decode()


def write_seal(seal: Seal) -> str:
    """A seal as a signature."""
    if seal.issuer == GEMINI:
        return seal.data
    return b64encode(f"{_MARK}{seal.issuer}/{seal.kind}/{seal.data}".encode()).decode()


def read_seal(signature: Any) -> Seal | None:
    """A signature as a seal of whoever issued it; None where there is none."""
    if not signature:
        return None
    text = text_of(signature)
    if text.startswith(_MARKED):
        try:
            told = b64decode(text.replace("-", "+").replace("_", "/") + "==").decode()
        except ValueError:
            told = ""
        if told.startswith(_MARK):
            issuer, kind, data = told.removeprefix(_MARK).split("/", 2)
            return Seal(issuer, data, kind)
    return Seal(GEMINI, text)


def has_foreign_seals(raw: bytes) -> bool:
    """Whether a body may hold a signature that Google's servers did not make: a quick look."""
    return _MARKED.encode() in raw


def own_contents(contents: Any) -> Any:
    """The contents without thoughts and signatures of others."""
    if isinstance(contents, Mapping):
        return _own_content(contents)
    return [_own_content(content) for content in contents]


def _own_content(content: Mapping[str, Any]) -> dict[str, Any]:
    parts = [own for part in content.get("parts") or () if (own := _own_part(part))]
    return {**content, "parts": parts}


def _own_part(part: Any) -> Any:
    """None where nothing is left of it."""
    held = part.get(SIGNATURE) if isinstance(part, Mapping) else None
    if not isinstance(held, str) or not held.startswith(_MARKED):
        return part
    left = {name: value for name, value in part.items() if name != SIGNATURE}
    return None if left.get("thought") else left
