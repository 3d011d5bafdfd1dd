"""What came of one try to send an alert."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """`said` is what came back, without any address or secret. `gone`: the receiver wants nothing
    more, ever. `wait`: how many seconds it wants to be left alone, 0 where it does not say.
    """

    ok: bool
    said: str
    gone: bool = False
    wait: float = 0.0
