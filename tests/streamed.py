"""What tests read of an event stream."""


def name_of(event: bytes) -> bytes | None:
    """The event's type, from its `event` line; None where it has none."""
    for line in event.split(b"\n"):
        if line.startswith(b"event:"):
            return line[6:].strip()
    return None
