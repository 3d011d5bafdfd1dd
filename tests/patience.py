"""Waiting for what another process does, which nobody announces here."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import httpx

LONGEST_SECONDS: Final = 90.0  # nothing takes so long, on the busiest machine: it hangs
get: Final = partial(httpx.get, timeout=LONGEST_SECONDS)
post: Final = partial(httpx.post, timeout=LONGEST_SECONDS)


def until(happened: Callable[[], Any], otherwise: Callable[[], str] = lambda: "") -> Any:
    """Wait until something is true, and return it; `otherwise` says what is wrong meanwhile."""
    end = time.monotonic() + LONGEST_SECONDS
    while not (result := happened()):
        assert time.monotonic() < end, f"it did not happen: {otherwise()}"
        time.sleep(0.01)
    return result
