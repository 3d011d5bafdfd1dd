"""A clock that all stores of these tests share."""

import pytest


class Clock:
    """Unix milliseconds; it stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
