"""The files that a request names: found wherever they stand, and asked for only then."""

import json

import pytest
from fakes.files import SECOND, FakeFiles
from fakes.parts import ACME

from router.ask import NAMED_FILES
from router.errors import NotFound
from router.files.references import named_files
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.stored.owned import Owned, OwnedKind, OwnedState


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"messages": [{"content": [{"type": "file", "file": {"file_id": "a"}}]}]}, ["a"]),
        ({"input": [{"content": [{"type": "input_image", "file_id": "a"}]}]}, ["a"]),
        ({"tools": [{"container": {"type": "auto", "file_ids": ["a", "b"]}}]}, ["a", "b"]),
        ({"content": [{"type": "document", "source": {"type": "file", "file_id": "a"}}]}, ["a"]),
        ({"content": [{"type": "container_upload", "file_id": "a"}]}, ["a"]),
        ({"annotations": [{"type": "file_citation", "file_id": "a"}]}, []),
        ({"annotations": [{"type": "container_file_citation", "file_id": "a"}]}, []),
        ({"content": [{"type": "code_execution_output", "file_id": "a"}]}, []),
        ({"text": "file_id", "file_id": 5, "file_ids": [5, None]}, []),
    ],
)
def test_what_reads_a_file_names_it_and_what_was_said_of_one_does_not(body, names):
    assert sorted(named_files(body)) == names


def _chat(file: str, key: str = "file_id") -> bytes:
    part = {"type": "file", "file": {key: file}}
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": [part]}]}).encode()


def _kept(files: FakeFiles, id_: str = "file-1", family: str = "openai") -> None:
    files.store.add(
        Owned(id_, family, "local", "acme", OwnedKind.FILE, OwnedState.DONE, files.clock.now)
    )


async def test_a_request_without_files_costs_no_look_up(files):
    files.close()  # whoever asks now fails
    ask = parse_chat(b'{"model":"auto","messages":[{"role":"user","content":"file id \\u00fc"}]}')
    references = files.desk.serving.files
    assert await references.pinned(files.desk.serving.snapshot, ACME, ask) is ask


@pytest.mark.parametrize("key", ["file_id", "file\\u005fid"])
async def test_ones_own_file_pins_its_account_and_leaves_its_size_unknown(files, key):
    _kept(files)
    ask = parse_chat(_chat("file-1", "KEY").replace(b"KEY", key.encode()))
    ask = await files.desk.serving.files.pinned(files.desk.serving.snapshot, ACME, ask)
    assert ask.pinned == {"local", "moe"}
    assert NAMED_FILES in ask.features


async def test_anothers_file_and_no_file_are_refused_alike(files):
    _kept(files)
    messages = []
    for principal, name in ((SECOND, "file-1"), (ACME, "file-2")):
        ask = parse_chat(_chat(name))
        with pytest.raises(NotFound) as caught:
            await files.desk.serving.files.pinned(files.desk.serving.snapshot, principal, ask)
        messages.append(caught.value.message.replace(name, "X"))
    assert len(set(messages)) == 1


async def test_files_of_two_accounts_are_read_by_nobody(files):
    _kept(files)
    _kept(files, "file_2", "anthropic")
    sources = [{"type": "file", "file_id": name} for name in ("file-1", "file_2")]
    content = [{"type": "document", "source": source} for source in sources]
    body = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}
    ask = parse_message(json.dumps(body).encode(), {})
    with pytest.raises(NotFound):
        await files.desk.serving.files.pinned(files.desk.serving.snapshot, ACME, ask)
