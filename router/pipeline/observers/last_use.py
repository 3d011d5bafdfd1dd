"""Noting when a key was last used."""

from collections.abc import Callable

from router.pipeline.observers.observer import Finished, Observer


def notes_use(note: Callable[[str, int], None]) -> Observer:
    """Return the observer that notes the key of each request, and when it was read."""

    def observe(finished: Finished) -> None:
        context = finished.context
        note(context.principal.key_id, context.at_ms)

    return observe
