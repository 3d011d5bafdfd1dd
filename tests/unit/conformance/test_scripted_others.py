"""What the scripted server keeps, and what it is asked beside conversations."""

import base64
import hashlib
import json

import pytest

from conformance.scripted.kept import Kept
from conformance.scripted.others import OTHERS, Sound, fields_of

PICTURE = b"\x89PNG\r\n\x1a\n\x00"
FORM = (
    b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na dog\r\n'
    b'--x\r\ncontent-disposition: form-data; name="image[]"; filename="a.png"\r\n\r\n'
    + PICTURE
    + b"\r\n--x--\r\n"
)


def told(id_: str, text: str) -> dict:
    return {"id": id_, "output": [{"type": "message", "role": "assistant", "content": text}]}


def test_a_conversation_goes_on_by_the_id_of_its_last_response():
    kept = Kept()
    kept.add(kept.continued({"input": "one"}), told("resp_1", "two"))
    items = kept.continued({"input": "three", "previous_response_id": "resp_1"})
    assert [item["content"] for item in items] == ["one", "two", "three"]


def test_what_was_deleted_is_neither_told_nor_continued():
    kept = Kept()
    kept.add([], told("resp_1", "two"))
    assert kept.delete("resp_1") == {"id": "resp_1", "object": "response", "deleted": True}
    assert kept.get("resp_1") is None
    with pytest.raises(KeyError):
        kept.continued({"input": "three", "previous_response_id": "resp_1"})


def test_no_two_answers_that_are_kept_have_one_name():
    kept = Kept()
    assert kept.name() != kept.name()


def test_a_form_is_told_with_the_digests_of_its_files():
    fields = fields_of(FORM, "multipart/form-data; boundary=x")
    assert fields == {"prompt": "a dog", "image": hashlib.sha256(PICTURE).hexdigest()[:8]}


def test_a_picture_shows_what_it_was_made_of():
    made = OTHERS["/images/edits"]({"prompt": "a dog", "image": "0123"})
    assert isinstance(made, dict)
    assert base64.b64decode(made["data"][0]["b64_json"]) == b"a dog 0123"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/images/generations", {"prompt": "a cat", "stream": True}),
        ("/audio/transcriptions", {"file": "0123", "stream": "true"}),
        ("/audio/speech", {"input": "Hello", "voice": "alloy", "stream_format": "sse"}),
    ],
)
def test_what_is_to_be_streamed_ends_with_its_tokens_or_seconds(path, body):
    streamed = OTHERS[path](body)
    assert isinstance(streamed, Sound)
    assert streamed.content_type == "text/event-stream"
    last = streamed.raw.decode().strip().rpartition("data: ")[2]
    assert json.loads(last)["usage"]
