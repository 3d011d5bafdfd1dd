"""Loops on another clock than the world's, for tests of what waits and of what must not."""

import asyncio


class Timeless(asyncio.SelectorEventLoop):
    """A loop whose clock stands still: no timer ever rings, so whoever waits for one hangs."""

    def time(self) -> float:
        """Zero, for ever."""
        return 0.0
