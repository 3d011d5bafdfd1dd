"""Text as embeddings and completions take it: one or many, as strings or as numbers of tokens."""

from typing import Any, Final

from router.errors import BadRequest
from router.protocols.ahead import utf8_size
from router.protocols.fields import wrong_type

TOKENS: Final = "tokens"  # the feature of a request whose text nobody but the model can read
_BYTES_PER_TOKEN: Final = 3  # as the ledger estimates: a token that is given counts as one
_FRAME: Final = 9  # bytes that stand for what a server puts around each further text
_EXPECTED: Final = "a string, an array of strings, or an array of token arrays"


class Texts:
    """The texts of one parameter: how many there are, what a model reads of them, and the words.

    `bytes` is sized so that an estimate by length is an upper bound for many short texts too.
    """

    __slots__ = ("bytes", "count", "tokens", "words")

    def __init__(self, held: Any, param: str) -> None:
        """Raises BadRequest where `held` is none of the four ways to say it, or empty."""
        self.words: list[str] = []
        self.tokens = False
        self.bytes = 0
        many = held if isinstance(held, list) and not _are_tokens(held) else [held]
        if not many:
            raise BadRequest(f"Invalid '{param}': expected at least one text.", param=param)
        self.count = len(many)
        for text in many:
            self.bytes += self._read(text, param) + _FRAME
        self.bytes -= _FRAME

    def _read(self, text: Any, param: str) -> int:
        if isinstance(text, str):
            self.words.append(text)
            return len(text) if text.isascii() else utf8_size(text)
        if _are_tokens(text):
            self.tokens = True
            return len(text) * _BYTES_PER_TOKEN
        raise wrong_type(param, _EXPECTED)


def _are_tokens(held: Any) -> bool:
    """Whether these are a tokenizer's numbers."""
    return isinstance(held, list) and bool(held) and all(type(token) is int for token in held)
