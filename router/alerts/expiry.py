"""Keys that are about to expire, and what there is to tell of them."""

from collections.abc import Sequence
from typing import NamedTuple

from router.alerts.alert import Event, instant

_LATE_MS = 3_600_000


class ExpiringKey(NamedTuple):
    """A working key that has an end, in Unix milliseconds. `key_id` is its name, not the key."""

    key_id: str
    organization: str
    expires_at: int
    name: str = ""


def expiry_events(keys: Sequence[ExpiringKey], before: Sequence[float], now: int) -> list[Event]:
    """One event for each key whose end is nearer than one of these numbers of seconds: for the
    smallest of them.
    """
    events = []
    for key in keys:
        left = key.expires_at - now
        reached = [seconds for seconds in before if left <= round(1000 * seconds)]
        if left <= 0 or not reached:
            continue
        called = f"{key.key_id} ({key.name})" if key.name else key.key_id
        events.append(
            Event(
                "\n".join(("key", key.key_id, str(key.expires_at), f"{min(reached):g}")),
                left + _LATE_MS,
                "key.expiring",
                f"Key {called} of {key.organization} expires at {instant(key.expires_at)}.",
                key.organization,
                {"key": key.key_id, "expires_at": instant(key.expires_at)},
            )
        )
    return events
