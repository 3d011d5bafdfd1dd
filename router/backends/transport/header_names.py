"""Header names in lower case, converted once: a server sends the same ones with every answer."""

from typing import Final

_KEPT: Final = 64


class _Spellings(dict[tuple[bytes, ...], dict[str, bytes]]):
    """By the names of a whole head: the name in lower case -> the name as it was sent (the last of
    two alike). A subscript costs no call of ours where the head is known."""

    def __missing__(self, head: tuple[bytes, ...]) -> dict[str, bytes]:
        if len(self) >= _KEPT:
            self.clear()
        headers = self[head] = {name.decode("latin-1").lower(): name for name in head}
        return headers


SPELLINGS: Final = _Spellings()
