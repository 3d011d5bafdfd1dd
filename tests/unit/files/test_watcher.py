"""Batches are looked after: settled once, found again where nobody was told of them."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.files import SECOND, FakeFiles, asker

from router.backends.dispatch.account import AccountCall
from router.domain import Outcome
from router.errors import LimitExceeded, NotFound, UpstreamFailed, UpstreamRejected
from router.files.body import Spool
from router.files.requests import screened_lines
from router.files.screening import Screening
from router.files.shelf import Page
from router.stored.owned import Owned, OwnedKind, OwnedState
from router.world.offered import ANTHROPIC

TURN = {"role": "user", "content": "Hello"}
BODY = {"model": "local", "messages": [TURN], "max_tokens": 20}
LATER_MS = 1_000_000


def _lines(count: int) -> bytes:
    row = {"method": "POST", "url": "/v1/chat/completions", "body": BODY}
    return b"\n".join([json.dumps({"custom_id": f"r{n}", **row}).encode() for n in range(count)])


async def _file(files: FakeFiles, folder: Path, count: int = 2) -> str:
    """Keep a file of requests; its id."""
    backend = files.desk.serving.snapshot.backends["local"]
    screening = Screening(files.desk, asker(), backend)
    with Spool(folder, 10**6) as source, Spool(folder, 10**6) as target:
        source.take(_lines(count))
        await screened_lines(source, target, screening, most=100, most_bytes=10**5)
        content = b"".join(target.pieces())
    kept = files.accounts.keeping._file(content, "batch")
    kept.kind = "files"
    id_ = kept.shown["id"]
    files.accounts.keeping.kept[id_] = kept
    bound = screening.bound.document()
    row = Owned(
        id_, "openai", "local", "acme", OwnedKind.FILE, OwnedState.DONE, files.clock.now,
        len(content), bound,
    )  # fmt: skip
    files.store.add(row)
    return id_


def _asked(file: str) -> bytes:
    return json.dumps(
        {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
    ).encode()


async def _begun(files: FakeFiles, folder: Path, count: int = 2) -> str:
    raw, _, _ = await files.batches().create(asker(), _asked(await _file(files, folder, count)))
    id_: str = json.loads(raw)["id"]
    return id_


async def test_a_batch_that_runs_is_prolonged_and_one_that_ended_settled(files, tmp_path):
    id_ = await _begun(files, tmp_path)
    (most,) = files.holds.kept.values()
    assert (most.requests, most.usage.output_tokens) == (2, 40)
    assert await files.watcher().look() == 0
    files.accounts.keeping.waits = True
    files.clock.now += LATER_MS
    assert await files.watcher().look() == 1
    assert files.holds.renewed == ["hold0"]
    assert files.holds.settled == {}
    files.accounts.keeping.waits = False
    files.clock.now += LATER_MS
    assert await files.watcher().look() == 1
    (charge,) = files.holds.settled["hold0"]
    assert (charge.outcome, charge.requests, charge.backend) == (Outcome.COMPLETED, 2, "local")
    assert 0 < charge.usage.output_tokens <= 40
    files.clock.now += LATER_MS
    assert await files.watcher().look() == 0
    batch = json.loads(await files.shelf().show(asker(), OwnedKind.BATCH, id_))
    output = batch["output_file_id"]
    assert (await files.shelf().content(asker(), OwnedKind.FILE, output, "/content")).rest()
    with pytest.raises(NotFound):
        await files.shelf().content(asker(principal=SECOND), OwnedKind.FILE, output, "/content")


async def test_two_gateways_that_look_at_once_do_it_once(files, tmp_path):
    await _begun(files, tmp_path)
    files.clock.now += LATER_MS
    looks = await asyncio.gather(files.watcher().look(), files.watcher().look())
    assert sorted(looks) == [0, 1]
    assert len(files.holds.settled["hold0"]) == 1


async def test_a_client_that_sees_the_end_has_it_settled_soon(files, tmp_path):
    id_ = await _begun(files, tmp_path)
    assert await files.watcher().look() == 0
    await files.shelf().show(asker(), OwnedKind.BATCH, id_)
    assert await files.watcher().look() == 1
    assert len(files.holds.settled["hold0"]) == 1


async def test_results_are_settled_before_they_are_erased(files, tmp_path):
    id_ = await _begun(files, tmp_path)
    batch = json.loads(await files.shelf().show(asker(), OwnedKind.BATCH, id_))
    await files.shelf().erase(asker(), OwnedKind.FILE, batch["output_file_id"])
    (charge,) = files.holds.settled["hold0"]
    assert charge.usage.output_tokens > 0


async def test_results_that_are_gone_are_charged_in_full(files, tmp_path):
    id_ = await _begun(files, tmp_path)
    batch = json.loads(await files.accounts.account(_local(files)).ask(_shown(id_)))
    files.accounts.keeping.kept.pop(batch["output_file_id"])
    files.clock.now += LATER_MS
    await files.watcher().look()
    (charge,) = files.holds.settled["hold0"]
    assert charge == files.holds.kept["hold0"]


async def test_one_that_cannot_be_understood_does_not_cost_the_others(files, tmp_path, caplog):
    odd, _ = await _begun(files, tmp_path), await _begun(files, tmp_path)
    row = files.store.get("acme", "openai", OwnedKind.BATCH, odd)
    files.store.forget(row)
    files.store.add(replace(row, bound=b"{"))
    files.clock.now += LATER_MS
    assert await files.watcher().look() == 2
    assert list(files.holds.settled) == ["hold1"]
    assert "could not be looked after" in caplog.text


@pytest.mark.parametrize(
    ("results", "whole"),
    [
        (b'{"response":{"status_code":200,"body":%b}}\n' * 9, False),  # more than requests
        (b"%b" + b"x" * 70_000_000, True),  # one that nobody can read
    ],
)
async def test_results_that_cannot_be_true_are_bounded_and_told_of(
    files, tmp_path, caplog, *, results, whole
):
    id_ = await _begun(files, tmp_path)
    batch = json.loads(await files.accounts.account(_local(files)).ask(_shown(id_)))
    usage = {"prompt_tokens": 1, "completion_tokens": 2**31 - 9, "total_tokens": 2**31 - 8}
    told = {"model": "local-model", "choices": [], "usage": usage}
    output = files.accounts.keeping.kept[batch["output_file_id"]]
    output.content = results.replace(b"%b", json.dumps(told).encode())
    files.clock.now += LATER_MS
    await files.watcher().look()
    (charge,) = files.holds.settled["hold0"]
    assert charge.requests == 2
    assert charge.usage.estimated
    assert (charge == files.holds.kept["hold0"]) is whole
    assert charge.usage.output_tokens < 5_000_000
    assert files.accounts.disbelieved == [id_]
    assert "not believed" in caplog.text


async def test_a_batch_that_is_gone_is_charged_in_full(files, tmp_path):
    files.accounts.keeping.kept.pop(await _begun(files, tmp_path))
    files.clock.now += LATER_MS
    await files.watcher().look()
    assert files.holds.settled["hold0"] == [files.holds.kept["hold0"]]


async def test_a_batch_whose_making_nobody_was_told_of_is_found_by_its_file(files, tmp_path):
    file = await _file(files, tmp_path)
    files.accounts.breaks = UpstreamFailed("It broke off.")
    with pytest.raises(UpstreamFailed) as caught:
        await files.batches().create(asker(), _asked(file))
    assert ("x-should-retry", "false") in caught.value.headers
    files.accounts.breaks = None
    assert files.holds.settled == {}
    assert json.loads(await files.shelf().listed(asker(), OwnedKind.BATCH, Page(20)))["data"] == []
    files.clock.now += LATER_MS
    assert await files.watcher().look() == 1
    (batch,) = json.loads(await files.shelf().listed(asker(), OwnedKind.BATCH, Page(20)))["data"]
    assert batch["input_file_id"] == file
    assert await files.watcher().look() == 1
    assert len(files.holds.settled["hold0"]) == 1


async def test_what_was_never_made_is_given_back(files, tmp_path):
    file = await _file(files, tmp_path)
    files.accounts.breaks = UpstreamFailed("It broke off.")
    with pytest.raises(UpstreamFailed):
        await files.batches().create(asker(), _asked(file))
    files.accounts.breaks = None
    made = [id_ for id_ in files.accounts.keeping.kept if id_.startswith("batch")]
    files.accounts.keeping.kept.pop(made[0])
    files.clock.now += LATER_MS
    await files.watcher().look()
    (charge,) = files.holds.settled["hold0"]
    assert (charge.outcome, charge.cost_pico) == (Outcome.FAILED, 0)
    assert files.store.claim(rest_ms=1, most=9) == []


async def test_a_batch_of_messages_that_may_be_ours_is_charged_and_shown_to_nobody(files):
    params = {"model": "premium", "max_tokens": 9, "messages": [TURN]}
    raw = json.dumps({"requests": [{"custom_id": "a", "params": params}]}).encode()
    files.accounts.breaks = UpstreamFailed("It broke off.")
    with pytest.raises(UpstreamFailed):
        await files.batches().create(asker(ANTHROPIC), raw)
    files.accounts.breaks = None
    (kept,) = files.accounts.keeping.kept.values()
    kept.shown["created_at"] = "2001-09-09T01:46:41Z"  # a second behind ours
    files.clock.now += LATER_MS
    await files.watcher().look()
    assert files.holds.settled["hold0"] == [files.holds.kept["hold0"]]
    page = await files.shelf().listed(asker(ANTHROPIC), OwnedKind.BATCH, Page(20))
    assert json.loads(page)["data"] == []


async def test_what_the_server_refuses_is_given_back_at_once(files, tmp_path):
    file = await _file(files, tmp_path)
    files.accounts.keeping.kept.clear()
    with pytest.raises(UpstreamRejected, match="no such file"):
        await files.batches().create(asker(), _asked(file))
    (charge,) = files.holds.settled["hold0"]
    assert charge.cost_pico == 0


async def test_a_quota_that_refuses_leaves_nothing_behind(files, tmp_path):
    file = await _file(files, tmp_path)
    files.holds.refusal = LimitExceeded("Enough.", code="insufficient_quota")
    with pytest.raises(LimitExceeded):
        await files.batches().create(asker(), _asked(file))
    assert ("POST", "/batches") not in files.accounts.keeping.heard
    files.clock.now += LATER_MS
    assert await files.watcher().look() == 0


async def test_a_client_that_repeats_itself_is_held_for_once(files, tmp_path):
    file = await _file(files, tmp_path)
    first, _, _ = await files.batches().create(asker(), _asked(file))
    files.accounts.keeping._numbers = iter(
        [int(json.loads(first)["id"].removeprefix("batch_simulated"))]
    )
    again, _, _ = await files.batches().create(asker(), _asked(file))
    assert json.loads(again)["id"] == json.loads(first)["id"]
    (charge,) = files.holds.settled["hold1"]
    assert charge.cost_pico == 0
    assert "hold0" not in files.holds.settled


async def test_an_upload_that_nobody_finished_is_forgotten(files):
    pending = files.desk.pending(asker(), _local(files), OwnedKind.FILE, size=5)
    late = replace(pending, look_at=files.clock.now + 1)
    files.store.begin(late, most=1)
    assert await files.watcher().look() == 0
    files.clock.now += 1
    assert await files.watcher().look() == 1
    files.store.begin(late, most=1)


def _local(files: FakeFiles):
    return files.desk.serving.snapshot.backends["local"]


def _shown(id_: str) -> AccountCall:
    return AccountCall(f"/batches/{id_}")
