"""Requests of a batch: each judged as if it were asked alone, its bytes kept but for the model."""

import json

import pytest
from fakes.files import FakeFiles, asker
from fakes.world import FIXED

from router.errors import BadRequest, NotFound, PayloadTooLarge, TurnoutError
from router.files.body import FormBody, Spool
from router.files.requests import screened_body, screened_lines
from router.files.screening import Screening
from router.world.offered import ANTHROPIC

PARAMS = '{"model":"premium", "max_tokens":16.0,"messages":[{"role":"user","content":"\\ud83d"}]}'
TIERED = FIXED + "tiers:\n  pro: {backends: [local]}\n"


def _screening(files: FakeFiles, backend: str = "local", family: str = "openai") -> Screening:
    return Screening(files.desk, asker(family), files.desk.serving.snapshot.backends[backend])


def _line(body: str, name: str = "a", url: str = "/v1/chat/completions") -> str:
    return f'{{"custom_id":"{name}","method":"POST", "url":"{url}","body": {body} }}'


CHAT = '{"model":"moe","seed":12345678901234567890,"messages":[{"role":"user","content":"Hi"}]}'
EMBEDDING = '{"model":"moe","input":"Hi"}'


async def _lines(files: FakeFiles, folder, text: str, **bounds: int) -> str:
    most = {"most": 9, "most_bytes": 9_000} | bounds
    with Spool(folder, 10**6) as source, Spool(folder, 10**6) as target:
        source.take(text.encode())
        await screened_lines(source, target, _screening(files), **most)
        return b"".join(target.pieces()).decode()


async def test_lines_keep_their_bytes_but_for_the_model(files, tmp_path):
    text = _line(CHAT) + "\r\n\n" + _line(CHAT, "b") + "\n"
    sent = await _lines(files, tmp_path, text)
    assert sent == text.replace("\r\n\n", "\n").replace('"moe"', '"moe-model"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no requests"),
        ("[]", "Line 1: not a JSON object"),
        ('{"custom_id":"a","custom_id":"b"}', "Line 1: The key"),
        (_line(CHAT, ""), "`custom_id` is missing"),
        (_line(CHAT) + "\n" + _line(CHAT), "Line 2: `custom_id` stands twice"),
        (_line(CHAT).replace("POST", "GET"), "`method`"),
        (_line(CHAT, url="/v1/files"), "`url`"),
        (_line("5"), "`body` is no object"),
        (_line(CHAT) + "\n" + _line(EMBEDDING, "b", "/v1/embeddings"), "`url` differs"),
        (_line('{"model":"moe"}'), "Line 1: "),
        (_line(CHAT.replace('"moe"', '"nobody"')), "Line 1: The model"),
        (_line(CHAT.replace('"moe"', '"premium"')), "takes part in batches"),
    ],
)
async def test_a_wrong_line_is_named(files, tmp_path, text, words):
    with pytest.raises(TurnoutError) as caught:
        await _lines(files, tmp_path, text)
    assert words in caught.value.message
    assert caught.value.param == "file"


async def test_lines_are_bounded_in_number_and_length(files, tmp_path):
    text = "\n".join([_line(CHAT, name) for name in "abc"])
    with pytest.raises(BadRequest, match="more than 2 requests"):
        await _lines(files, tmp_path, text, most=2)
    with pytest.raises(PayloadTooLarge, match="Line 1"):
        await _lines(files, tmp_path, text, most_bytes=50)


async def test_a_body_of_messages_keeps_its_bytes_but_for_the_models(files):
    raw = f'{{ "requests": [ {{"custom_id":"a", "params":{PARAMS}}} ,\n{{"custom_id":"b","params": '
    raw += f'{PARAMS} }} ],"new": 1.50 }}'
    screening = _screening(files, "premium", ANTHROPIC)
    sent = await screened_body(raw.replace("\\ud83d", "x").encode(), screening, most=9)
    told = json.loads(sent)
    assert [each["params"]["model"] for each in told["requests"]] == ["premium-model"] * 2
    assert b'"max_tokens":16.0' in sent
    assert sent.endswith(b'"new": 1.50 }')
    assert screening.bound.requests == 2
    assert screening.bound.output_tokens == 32


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("{}", "requests"),
        ('{"requests":[]}', "requests"),
        ('{"requests":[5]}', "requests.0: not a JSON object"),
        ('{"requests":[{"custom_id":"a","params":5}]}', "requests.0: `params`"),
        ('{"requests":[1,2,3]}', "more than 2"),
    ],
)
async def test_a_wrong_body_of_messages_is_refused(files, raw, words):
    with pytest.raises(BadRequest, match=words):
        await screened_body(raw.encode(), _screening(files, "premium", ANTHROPIC), most=2)


async def test_whoever_may_not_ask_a_model_may_not_in_a_batch(database, tmp_path):
    files = FakeFiles(database, policy=TIERED)
    with pytest.raises(TurnoutError, match="Line 1: "):
        await _lines(files, tmp_path, _line(CHAT))
    files.close()


def test_a_spool_is_bounded_and_gives_its_bytes_again(tmp_path):
    with Spool(tmp_path, 3_000_000) as spool:
        spool.take(b"a\nb" * 700_000)
        assert spool.size == 2_100_000
        assert b"".join(spool.pieces()) == b"a\nb" * 700_000
        assert next(spool.lines(100)) == b"a\n"
        body = FormBody({"purpose": "batch"}, b"Content-Disposition: x", spool)
        whole = b"".join(body)
        assert len(whole) == len(body)
        assert whole.count(body.content_type.partition("=")[2].encode()) == 3
        with pytest.raises(PayloadTooLarge):
            spool.take(b"x" * 1_000_000)


async def test_a_gateway_whose_backends_offer_nothing_says_so(database):
    files = FakeFiles(database, offering={})
    with pytest.raises(NotFound, match="offers"):
        await files.batches().create(asker(), b"{}")
    files.close()
