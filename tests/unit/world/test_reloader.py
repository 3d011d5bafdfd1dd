"""Reloading the documents: whole or not at all, and only when they changed."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from fakes.world import FIXED, backend

from router.world.documents import Documents, read_documents
from router.world.reload import Reloader
from router.world.snapshot import Snapshot, compile_snapshot

OTHER = FIXED.replace("[local, moe, premium]", "[moe]")
TRACED = {"traces": {"to": "http://127.0.0.1:9"}}
WRONG = FIXED.replace("premium", "nobody")


class Served:
    """Keeps every snapshot that it was told to serve by."""

    def __init__(self, documents: Documents) -> None:
        self.snapshot = compile_snapshot(documents.loaded, documents.policy)
        self.adopted: list[Snapshot] = []

    def adopt(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.adopted.append(snapshot)


class Time:
    """Lets a second pass at once: before each look at the files, the next of `events` happens; then
    the watcher is ended.
    """

    def __init__(self, *events: Callable[[], object]) -> None:
        self._events = list(events)

    async def sleep(self, _seconds: float) -> None:
        if not self._events:
            raise asyncio.CancelledError
        self._events.pop(0)()


class Folder:
    """Both documents on disk, and what reloads them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: dict[tuple[str, ...], int] = defaultdict(int)
        self.policy(FIXED)
        self.config()
        documents = read_documents(path / "turnout.yaml", {})
        self.served = Served(documents)
        self.reloader = Reloader(self.served, documents, {}, self.counts)

    def policy(self, text: str, name: str = "policy.yaml") -> None:
        (self.path / name).write_text(text)

    def config(self, **settings: object) -> None:
        backends = {name: backend(name) for name in ("local", "moe", "premium")}
        text = {"version": 1, "policy": "policy.yaml", "backends": backends} | settings
        (self.path / "turnout.yaml").write_text(yaml.safe_dump(text))

    async def watch(self, *events: Callable[[], object]) -> None:
        self.reloader._sleep = Time(*events).sleep
        with pytest.raises(asyncio.CancelledError):
            await self.reloader.watch()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def nothing() -> None:
    """A second in which nothing happens."""


def test_documents_that_pass_are_served_by(folder: Folder) -> None:
    folder.policy(OTHER)
    result = folder.reloader.reload()
    assert (result.done, result.report) == (True, "")
    assert folder.served.adopted == [folder.served.snapshot]
    assert result.policy == folder.served.snapshot.policy.version
    assert folder.served.snapshot.policy.routes["auto"].candidates == ("moe",)
    assert folder.counts == {("done",): 1}


@pytest.mark.parametrize("text", [WRONG, "version: 2\n", "a: [", ""])
def test_documents_that_do_not_pass_change_nothing_and_say_why(folder: Folder, text: str) -> None:
    before = folder.served.snapshot
    folder.policy(text)
    result = folder.reloader.reload()
    assert (result.done, result.policy) == (False, before.policy.version)
    assert "policy.yaml:" in result.report
    assert folder.served.snapshot is before
    assert folder.counts == {("refused",): 1}


def test_a_document_that_is_gone_changes_nothing(folder: Folder) -> None:
    (folder.path / "policy.yaml").unlink()
    result = folder.reloader.reload()
    assert not result.done
    assert "cannot be read" in result.report
    folder.policy(FIXED)
    assert folder.reloader.reload().done


def test_what_needs_a_restart_is_warned_of_by_its_key(folder: Folder, caplog) -> None:
    folder.config(listen="127.0.0.1:1", limits={"body": "1kB"}, telemetry=TRACED)
    with caplog.at_level(logging.WARNING, "turnout"):
        assert folder.reloader.reload().done
    (warning,) = caplog.records
    assert warning.keys == "listen, limits, telemetry"


async def test_a_change_on_disk_is_taken_up_once(folder: Folder) -> None:
    await folder.watch(nothing, lambda: folder.policy(OTHER), nothing, nothing)
    assert folder.counts == {("done",): 1}


async def test_a_refused_change_is_tried_again_only_when_it_changes(folder: Folder) -> None:
    await folder.watch(
        lambda: folder.policy(WRONG), nothing, nothing, lambda: folder.policy(OTHER + "# better\n")
    )
    assert folder.counts == {("refused",): 1, ("done",): 1}


async def test_another_policy_is_taken_up_once_and_watched_from_then_on(folder: Folder) -> None:
    folder.policy(OTHER, "other.yaml")
    await folder.watch(
        lambda: folder.config(policy="other.yaml"),
        nothing,
        lambda: folder.policy(FIXED + "# changed\n", "other.yaml"),
        lambda: folder.policy(WRONG, "policy.yaml"),
    )
    assert folder.counts == {("done",): 2}


async def test_a_policy_that_is_newly_named_and_wrong_is_taken_up_once_it_is_mended(
    folder: Folder,
) -> None:
    folder.policy(WRONG, "other.yaml")
    await folder.watch(
        lambda: folder.config(policy="other.yaml"),
        nothing,
        lambda: folder.policy(OTHER, "other.yaml"),
        nothing,
    )
    assert folder.counts == {("refused",): 1, ("done",): 1}


async def test_a_shipped_policy_can_take_the_place_of_a_file(folder: Folder) -> None:
    await folder.watch(lambda: folder.config(policy="balanced"), nothing)
    assert folder.counts == {("done",): 1}


def price_list(folder: Folder, usd: object) -> None:
    row = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": usd, "output_mtok": 2}}
    listed = [{"id": "minimax", "name": "M", "api_pattern": "x", "models": [row]}]
    (folder.path / "list.json").write_text(json.dumps(listed))


def listed_backends(folder: Folder) -> None:
    """Backends of which one has its price from the list, and the list a name."""
    own = {name: backend(name) for name in ("local", "moe")}
    premium = {"provider": "minimax", "model": "m"}
    folder.config(prices="list.json", backends={**own, "premium": premium})


async def test_a_list_of_prices_is_taken_up_when_it_changes(folder: Folder) -> None:
    price_list(folder, 1)
    versions = []

    def seen() -> None:
        versions.append(folder.served.snapshot.prices.version)

    await folder.watch(lambda: listed_backends(folder), seen, lambda: price_list(folder, 10), seen)
    assert folder.counts == {("done",): 2}
    assert folder.served.snapshot.prices.price("premium").input_pico == 10_000_000
    assert len(set(versions)) == 2


async def test_a_list_of_prices_that_is_wrong_changes_nothing_until_it_is_mended(
    folder: Folder,
) -> None:
    price_list(folder, "dear")
    await folder.watch(
        lambda: listed_backends(folder), nothing, lambda: price_list(folder, 1), nothing
    )
    assert folder.counts == {("refused",): 1, ("done",): 1}


async def test_watching_begins_and_ends(folder: Folder) -> None:
    looked = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        looked.set()
        await asyncio.Event().wait()

    folder.reloader._sleep = sleep
    await folder.reloader.start()
    await looked.wait()
    await folder.reloader.close()
    assert folder.counts == {}


async def test_what_was_never_started_can_be_closed(folder: Folder) -> None:
    await folder.reloader.close()
