"""The observer that notes when a key was last used."""

from fakes.finished import finished_of

from router.pipeline.observers.last_use import notes_use


async def test_the_key_of_each_request_is_noted_with_its_instant() -> None:
    noted: dict[str, int] = {}
    finished = await finished_of()
    notes_use(noted.__setitem__)(finished)
    assert noted == {finished.context.principal.key_id: finished.context.at_ms}
