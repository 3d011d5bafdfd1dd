"""What a batch used: read from its results line by line, at the price of a batch."""

import json

import pytest
from fakes.accounts import FakeAnswer
from fakes.files import FakeFiles

from router.domain import Estimate, Outcome
from router.files.bound import Bound
from router.files.results import Tally, TooMuchToRead, lines_of

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def _tally(files: FakeFiles, path: str = CHAT, *backends: str) -> Tally:
    bound = Bound(path)
    for name in backends or ("moe",):
        bound.add(name, Estimate(10, 20, 30, 10))
    return Tally(files.desk.serving.snapshot, bound)


def _completion(model: str = "moe-model", **usage: int) -> dict:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}}
    body = {"id": "1", "model": model, "choices": [choice | {"finish_reason": "stop"}]}
    return body | ({"usage": usage} if usage else {})


def _line(body: object, status: int = 200) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body}
    return json.dumps({"custom_id": "a", "response": response, "error": None}).encode() + b"\n"


def _succeeded(model: str, prompt: int, output: int) -> bytes:
    message = {"type": "message", "model": model, "role": "assistant", "content": []}
    usage = {"input_tokens": prompt, "output_tokens": output}
    result = {"type": "succeeded", "message": message | {"usage": usage}}
    return json.dumps({"custom_id": "a", "result": result}).encode() + b"\n"


async def test_usage_is_summed_over_what_was_answered(files):
    tally = _tally(files, CHAT, *["moe"] * 4)
    lines = [
        _line(_completion(prompt_tokens=10, completion_tokens=5, total_tokens=15)),
        _line(_completion(prompt_tokens=1, completion_tokens=2, total_tokens=3)),
        _line({"error": {"message": "no"}}, 400),
        json.dumps({"custom_id": "b", "response": None, "error": {"code": "expired"}}).encode(),
    ]
    await tally.read(FakeAnswer(b"".join(lines)))
    charge = tally.charge("local")
    assert (charge.usage.input_tokens, charge.usage.output_tokens) == (11, 7)
    assert (charge.requests, charge.outcome, charge.model) == (2, Outcome.COMPLETED, "moe-model")
    assert charge.cost_pico == (11 * 1 + 7 * 2) * 1_000_000
    assert charge.operation == "chat"


async def test_one_that_answered_nothing_costs_nothing(files):
    tally = _tally(files)
    await tally.read(FakeAnswer(b"\n\nnot json\n[]\n" + _line({}, 500)))
    charge = tally.charge("local")
    assert (charge.outcome, charge.cost_pico, charge.requests) == (Outcome.FAILED, 0, 0)


async def test_an_answer_without_usage_is_counted_by_the_gateway(files):
    tally = _tally(files)
    await tally.read(FakeAnswer(_line(_completion())))
    assert tally.charge("local").usage.estimated
    assert tally.charge("local").usage.output_tokens > 0


@pytest.mark.parametrize(
    ("model", "pico"),
    [("moe-model", 3_000_000), ("premium-model-20260101", 30_000_000), ("unknown", 30_000_000)],
)
async def test_a_result_has_the_price_of_the_model_that_it_names_else_the_dearest(
    files, model, pico
):
    tally = _tally(files, MESSAGES, "moe", "premium")
    await tally.read(FakeAnswer(_succeeded(model, 1, 1)))
    assert tally.charge("premium").cost_pico == pico


async def test_lines_are_found_in_any_pieces_and_the_answer_is_closed():
    answer = FakeAnswer(b"one\n" + b"x" * 30 + b"\n\nlast")
    assert [line async for line in lines_of(answer)] == [b"one", b"x" * 30, b"", b"last"]
    assert answer.closed


def test_a_bound_is_stored_and_read_again():
    bound = Bound("/v1/messages")
    bound.add("a", Estimate(10, 20, 300, 100))
    bound.add("b", Estimate(1, 2, 3, 1))
    bound.add("a", Estimate(1, 2, 3, 1))
    again = Bound.read(bound.document())
    assert again == bound
    assert again.estimate() == Estimate(12, 24, 306, 102, firm=True, requests=3)
    assert again.charge("a", "v").usage.estimated
    assert again.charge("a", "v").operation == "message"
    assert again.route == "a, b"


LIE = 2**31 - 100


async def test_a_result_is_believed_as_a_single_answer_is(files):
    tally = _tally(files, CHAT, "moe")
    lie = _completion(prompt_tokens=LIE, completion_tokens=LIE, total_tokens=2 * LIE)
    await tally.read(FakeAnswer(_line(lie)))
    charge = tally.charge("local")
    assert tally.disbelieved
    assert charge.usage.estimated
    assert charge.usage.input_tokens < 40_000_000
    assert charge.usage.output_tokens < 3_000_000
    assert tally.told.input_tokens == LIE


@pytest.mark.parametrize("files_told", [1, 2])
async def test_a_batch_has_one_result_for_each_request_and_the_rest_is_not_read(files, files_told):
    tally = _tally(files, CHAT, "moe", "moe", "moe")
    line = _line(_completion(prompt_tokens=1, completion_tokens=1, total_tokens=2))
    answers = [FakeAnswer(line * (3 if files_told == 2 else 1_000)) for _ in range(files_told)]
    for answer in answers:
        await tally.read(answer)
    assert (tally.requests, tally.usage.output_tokens) == (3, 3)
    assert tally.beyond
    assert tally.disbelieved
    assert all(answer.closed for answer in answers)


async def test_results_that_failed_count_for_the_requests_beside_those_that_did_not(files):
    tally = _tally(files, CHAT, "moe", "moe")
    done = _line(_completion(prompt_tokens=1, completion_tokens=1, total_tokens=2))
    await tally.read(FakeAnswer(done))
    await tally.read(FakeAnswer(_line({"error": {"message": "no"}}, 400)))
    assert not tally.disbelieved


async def test_a_result_that_is_too_long_is_given_up(files):
    answer = FakeAnswer(b"")
    answer._pieces = [b"x" * 4_000_000] * 17
    with pytest.raises(TooMuchToRead):
        await _tally(files).read(answer)
    assert answer.closed
