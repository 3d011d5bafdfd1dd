"""A large body at an address that names the model is read ahead with that model in it."""

import orjson

from router.operations.paths import row_at
from router.protocols.ahead import LARGE, read_ahead, taken
from router.protocols.headers import NO_HEADERS

ROW = row_at(b"/openai/deployments/gpt-x/chat/completions")
TEXT = "long text " * (LARGE // 5)


def _body(**more: str) -> bytes:
    return orjson.dumps({"messages": [{"role": "user", "content": TEXT}], **more})


async def test_a_large_body_without_a_model_is_read_ahead_with_the_one_of_its_path() -> None:
    assert ROW is not None
    raw = await read_ahead(_body(), None, ROW.amend)
    assert orjson.loads(raw)["model"] == "gpt-x"
    ask = ROW.parse(raw, NO_HEADERS)
    assert (ask.model, ask.body) == ("gpt-x", orjson.loads(raw))
    assert taken(raw) is None  # it was used


async def test_a_large_body_with_a_model_stays_as_it_came_and_its_path_counts() -> None:
    assert ROW is not None
    body = _body(model="another")
    assert await read_ahead(body, None, ROW.amend) is body
    assert ROW.parse(body, NO_HEADERS).model == "gpt-x"


def test_what_is_no_object_stays_as_it_came() -> None:
    assert ROW is not None
    assert ROW.amend is not None
    for raw in (b"[1]", b"{", b"", b"1"):
        assert ROW.amend(raw, raw) is raw
    assert ROW.amend(b" {} ", b" {} ") == b' {"model":"gpt-x"} '


def test_a_large_body_that_was_not_read_ahead_is_read_all_the_same() -> None:
    assert ROW is not None
    assert ROW.parse(_body(), NO_HEADERS).model == "gpt-x"
