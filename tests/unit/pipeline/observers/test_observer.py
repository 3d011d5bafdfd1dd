"""Telling observers: in order, each, whatever another one does."""

import logging

from fakes.caller import FakeCaller
from fakes.finished import finished_of

from router.pipeline.observers.observer import tell
from router.telemetry.logs import JsonFormatter


async def test_observers_are_told_in_order_of_the_same_record():
    finished = await finished_of()
    result = []
    tell([lambda f: result.append((1, f)), lambda f: result.append((2, f))], finished)
    assert result == [(1, finished), (2, finished)]


async def test_one_that_fails_does_not_stop_the_others_and_is_logged_once(caplog):
    finished = await finished_of(FakeCaller.asking("My secret plan"))
    result = []

    def broken(record) -> None:
        raise ValueError(record.context.ask.raw)

    with caplog.at_level(logging.DEBUG):
        tell([result.append, broken, result.append], finished)
    assert result == [finished, finished]
    (entry,) = caplog.records
    assert (entry.levelname, entry.request_id) == ("ERROR", finished.context.id)
    line = JsonFormatter().format(entry)
    assert "broken" in line
    assert "ValueError" in line
    assert "secret plan" not in line


async def test_nobody_to_be_told_is_no_error():
    tell((), await finished_of())
