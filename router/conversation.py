"""Which conversation a request belongs to. Its beginning tells: every later turn repeats it."""

from hashlib import blake2b
from typing import Final
from zlib import crc32

from classifiers.prompt import Prompt

HEAD: Final = 1024  # characters of the system text, and of the first turn, that tell them apart


def head_of(prompt: Prompt) -> str:
    """Return how a conversation begins: equal for all of its turns."""
    first = prompt.turns[0].text[:HEAD] if prompt.turns else ""
    return f"{prompt.system[:HEAD]}\n{first}"


def conversation_of(prompt: Prompt, key_id: str) -> str:
    """Return the name of one customer's conversation, for stickiness, draws and the log.

    Two keys never share one, though both begin alike; 12 hex digits.
    """
    seed = f"{key_id}\n{head_of(prompt)}"
    return f"{crc32(seed.encode()):08x}{len(seed):04x}"


def prefix_of(prompt: Prompt) -> bytes:
    """Return the name of what a model server may have cached: the same for equal beginnings."""
    return blake2b(head_of(prompt).encode(), digest_size=8).digest()
