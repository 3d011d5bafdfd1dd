"""`turnout calibrate BACKEND` against model servers that answer some probes, or oddly."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from modelservers import in_thread

from router.cli.calibrate import calibrate
from router.simulator.exchange import SimulatedExchange

CONFIG = """\
version: 1
policy: balanced
backends:
  moe: {{base_url: "{url}/v1", model: mix, ability: moe, price: {{input: 0, output: 0}}}}
  local: {{base_url: "{url}/v1", model: mix, ability: local, price: {{input: 0, output: 0}}}}
"""
Reply = tuple[int, Any, tuple[tuple[str, str], ...]]


def completion(text: str | None = "12", finish: str = "stop", **fields: object) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **fields}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


BUSY: dict[str, Any] = {"error": {"message": "slow down", "type": "rate_limit"}}


class Scripted:
    """A model server that answers its n-th request with `reply(n, body)`."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.reply: Callable[[int, dict[str, Any]], Reply] = lambda n, body: (200, completion(), ())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        exchange = SimulatedExchange(receive, send)
        body = json.loads(await exchange.body())
        self.asked.append(body)
        status, answer, headers = self.reply(len(self.asked), body)
        await exchange.head(status, "application/json", headers)
        await exchange.write(json.dumps(answer).encode(), more=False)


@pytest.fixture
def server() -> Scripted:
    return Scripted()


@pytest.fixture
def run(tmp_path: Path, server: Scripted) -> Iterator[Callable[..., Result]]:
    with in_thread(server) as url:
        (tmp_path / "turnout.yaml").write_text(CONFIG.format(url=url.removesuffix("/v1")))

        def invoke(*arguments: str) -> Result:
            fixed = ["--config", str(tmp_path / "turnout.yaml"), "--yes", "--limit", "40"]
            fixed += ["--wall", "none"]
            out = [] if "--out" in arguments else ["--out", str(tmp_path / "card.json")]
            return CliRunner().invoke(calibrate, [*fixed, *out, *arguments])

        yield invoke


def kept(tmp_path: Path) -> list[str]:
    return (tmp_path / "card.probes.jsonl").read_text().splitlines()


def test_a_rate_limited_backend_is_waited_for_until_every_probe_is_answered(
    run: Callable[..., Result], server: Scripted, tmp_path: Path
) -> None:
    server.reply = lambda n, body: (
        (429, BUSY, (("retry-after", "0.05"),)) if n % 4 == 0 else (200, completion(), ())
    )
    result = run("moe")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "card.json").read_text())["outcomes"] == 40


def test_probes_that_stay_without_an_answer_are_told_and_the_run_fails(
    run: Callable[..., Result], server: Scripted, tmp_path: Path
) -> None:
    def no_json(_: int, body: dict[str, Any]) -> Reply:
        if "in one JSON array" in body["messages"][0]["content"]:
            return 400, {"error": {"message": "no brackets here"}}, ()
        return 200, completion(), ()

    server.reply = no_json
    result = run("moe")
    assert result.exit_code == 1
    assert "10 of 40 probes were not answered: HTTP 400: no brackets here (10)" in result.stderr
    assert "Run the same command again to go on" in result.stderr
    assert "rests on the 30 probes" in result.stderr
    server.reply = lambda n, body: (200, completion(), ())
    assert run("moe").exit_code == 0
    assert len(kept(tmp_path)) == 40


def test_too_few_answers_are_told_with_those_that_failed(
    run: Callable[..., Result], server: Scripted
) -> None:
    server.reply = lambda n, body: (
        (400, {"error": {"message": "odd"}}, ()) if n % 2 else (200, completion(), ())
    )
    result = run("moe")
    assert result.exit_code == 1
    assert "20 of 40 probes were not answered: HTTP 400: odd (20)" in result.stderr
    assert "moe: 20 outcomes are too few" in result.stderr


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"choices": []}, "not a chat completion with a choice"),
        ({"choices": "x"}, "without choices that can be read"),
        ({"choices": [{"message": None}]}, "without choices that can be read"),
        (completion(None, reasoning_content="hm"), "holds no text"),
        (completion(""), "holds no text"),
        (completion("It is", "length"), "the answer was cut"),
    ],
)
def test_a_backend_that_never_gives_an_answer_is_left_early_without_a_card(
    run: Callable[..., Result], server: Scripted, tmp_path: Path, answer: Any, why: str
) -> None:
    server.reply = lambda n, body: (200, answer, ())
    result = run("moe")
    assert result.exit_code == 1
    assert "moe does not answer" in result.stderr
    assert why in result.stderr
    assert len(server.asked) < 20
    assert not (tmp_path / "card.json").exists()
    assert kept(tmp_path) == []


def test_a_model_that_needs_more_tokens_can_have_them(
    run: Callable[..., Result], server: Scripted
) -> None:
    server.reply = lambda n, body: (
        200,
        completion("12") if body["max_tokens"] >= 4000 else completion(None, "length"),
        (),
    )
    assert "give --max-tokens" in run("moe").stderr
    assert run("moe", "--max-tokens", "4000").exit_code == 0


def test_text_in_parts_is_an_answer(run: Callable[..., Result], server: Scripted) -> None:
    parts: Any = [{"type": "text", "text": "12"}]
    server.reply = lambda n, body: (200, completion(parts), ())
    assert run("moe").exit_code == 0


def test_a_backend_that_wants_a_long_rest_ends_the_run(
    run: Callable[..., Result], server: Scripted
) -> None:
    server.reply = lambda n, body: (429, BUSY, (("retry-after", "3000"),))
    result = run("moe")
    assert result.exit_code == 1
    assert "wants to be asked again in 30" in result.stderr
    assert len(server.asked) <= 4


def test_answers_of_another_backend_are_not_taken_for_its_own(
    run: Callable[..., Result], server: Scripted
) -> None:
    assert run("moe").exit_code == 0
    server.asked.clear()
    result = run("local")
    assert result.exit_code == 1
    assert "line 1 was answered by moe (model mix), not by local (model mix)" in result.stderr
    assert server.asked == []
    again = run("moe")
    assert again.exit_code == 0
    assert "moe: 40 answered before" in again.stderr
    assert "none asked" in again.stderr
    assert server.asked == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a": 1}', "is no answer to a probe"),
        ('{"probe": "code-00", "score": 1}', "does not say which backend and model answered"),
        ('{"probe": "code-00", "score": 7, "backend": "moe", "model": "mix"}', "neither 0 nor 1"),
        ('{"probe": "other", "score": 1, "backend": "moe", "model": "mix"}', "names no probe"),
        ('{"probe": "code-', "is not JSON"),
        ("[" * 200_000, "is not JSON"),
        ("\xff", "is not JSON"),
    ],
)
def test_a_wrong_line_of_kept_answers_is_refused_before_anything_is_asked(
    run: Callable[..., Result], server: Scripted, tmp_path: Path, line: str, why: str
) -> None:
    (tmp_path / "card.probes.jsonl").write_bytes(f'{line}\n{{"half'.encode("latin-1"))
    result = run("moe")
    assert result.exit_code == 1
    assert "card.probes.jsonl line 1" in result.stderr
    assert why in result.stderr
    assert server.asked == []


def test_a_last_line_that_was_cut_is_asked_again(
    run: Callable[..., Result], server: Scripted, tmp_path: Path
) -> None:
    assert run("moe").exit_code == 0
    path = tmp_path / "card.probes.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    server.asked.clear()
    assert run("moe").exit_code == 0
    assert len(server.asked) == 1
    assert len({json.loads(line)["probe"] for line in kept(tmp_path)}) == len(kept(tmp_path)) == 40


def test_a_card_that_cannot_be_written_is_told_before_anything_is_asked(
    run: Callable[..., Result], server: Scripted, tmp_path: Path
) -> None:
    result = run("moe", "--out", str(tmp_path / "missing" / "card.json"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in result.stderr
    assert server.asked == []


def test_naming_two_backends_is_refused(run: Callable[..., Result], server: Scripted) -> None:
    result = run("moe", "--backend", "local")
    assert result.exit_code == 2
    assert "name the BACKEND once" in result.stderr
    assert server.asked == []


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is heard, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_an_interrupted_run_says_what_is_kept_and_how_to_go_on(
    run: Callable[..., Result], server: Scripted, tmp_path: Path
) -> None:
    def interrupt(n: int, _: dict[str, Any]) -> Reply:
        if n == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return 200, completion(), ()

    server.reply = interrupt
    result = run("moe")
    assert result.exit_code == 130
    count = len(kept(tmp_path))
    assert 0 < count < 40
    assert f"stopped: {count} answers are kept in {tmp_path}" in result.stderr
    assert "run the same command again to go on" in result.stderr
    assert run("moe").exit_code == 0
    assert len(kept(tmp_path)) == 40
