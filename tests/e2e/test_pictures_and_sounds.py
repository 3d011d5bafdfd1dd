"""The official client makes pictures, has texts spoken and sounds written down; all is billed."""

import base64
import contextlib
from io import BytesIO

import httpx
import openai
import pytest
from gatewaykit import booked
from media_files import png, wav
from openai import OpenAI

MESSAGE = "Hello, is this thing on? " * 20  # 500 characters: several pieces of sound


@pytest.fixture
def client(gateway):
    with OpenAI(base_url=gateway.url, api_key=gateway.key("enterprise"), max_retries=0) as made:
        yield made


@pytest.fixture
def billed(gateway):
    """A client of a customer of its own, and what its one request came to."""

    class Billed:
        organization = ""

        def client(self, organization: str) -> OpenAI:
            self.organization = organization
            key = gateway.new_key("enterprise", organization=organization)
            client = OpenAI(base_url=gateway.url, api_key=key, max_retries=0)
            return clients.enter_context(client)

        def row(self) -> dict:
            return booked(gateway, self.organization)

        def cost(self) -> float:
            return float(self.row()["cost_usd"])

    with contextlib.ExitStack() as clients:
        yield Billed()


def sound(seconds: float) -> tuple[str, BytesIO, str]:
    return ("hello.wav", BytesIO(wav(seconds)), "audio/wav")


def test_pictures_are_billed_by_the_picture(billed):
    raw = billed.client("painters").images.with_raw_response.generate(
        model="dalle", prompt="A cat", n=3, response_format="b64_json"
    )
    assert [base64.b64decode(one.b64_json)[:4] for one in raw.parse().data] == [b"\x89PNG"] * 3
    assert raw.headers["x-turnout-cost-usd"] == "0.12"
    assert billed.cost() == pytest.approx(0.12)
    assert (billed.row()["output_tokens"], billed.row()["images"]) == (0, 3)


def test_pictures_are_billed_by_their_tokens_where_these_are_told(billed):
    answer = billed.client("tokens").images.generate(model="painter", prompt="A cat", n=2)
    row = billed.row()
    assert (row["input_tokens"], row["output_tokens"]) == (10, answer.usage.output_tokens)
    assert billed.cost() == pytest.approx((10 * 5 + 2 * 272 * 40) / 1e6)


def test_a_streamed_picture_comes_in_parts_and_is_billed(billed):
    client = billed.client("streamers")
    stream = client.images.generate(model="painter", prompt="A cat", stream=True, partial_images=1)
    kinds = [event.type for event in stream]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    assert billed.row()["output_tokens"] == 272


def test_a_request_without_a_model_means_openais_default(client):
    raw = client.images.with_raw_response.generate(prompt="A cat")
    assert raw.headers["x-turnout-route"] == "media"
    assert raw.headers["x-turnout-backend"] == "painter"


def test_a_picture_is_edited_and_its_form_goes_through_but_for_the_model(client, gateway):
    pictures = [("a.png", png(8, 8)), ("b.png", png(9, 9))]
    answer = client.images.edit(model="dalle", image=pictures, prompt="Ein schöner Hut", n=2)
    assert len(answer.data) == 2
    sent = gateway.last_request("moe")
    assert (sent["model"], sent["prompt"], sent["n"]) == ("simulated-dalle", "Ein schöner Hut", "2")
    assert png(8, 8) in gateway.last_raw("moe")
    assert png(9, 9) in gateway.last_raw("moe")


def test_a_variation_needs_no_model(client, gateway):
    with pytest.warns(DeprecationWarning, match="deprecated"):  # the client's own word
        client.images.create_variation(image=("a.png", png(8, 8)))
    assert gateway.last_request("moe")["model"] == "simulated-gpt-image"


def test_a_text_is_spoken_under_the_sounds_own_type_and_billed_by_the_character(billed):
    with billed.client("speakers").audio.speech.with_streaming_response.create(
        model="voice", voice="alloy", input=MESSAGE, response_format="wav"
    ) as answer:
        assert answer.headers["content-type"] == "audio/wav"
        assert answer.headers["x-turnout-backend"] == "voice"
        assert answer.read().startswith(b"RIFF")
    assert billed.cost() == pytest.approx(len(MESSAGE) * 0.000015)
    assert billed.row()["characters"] == len(MESSAGE)


def test_speech_in_events_is_relayed_and_its_tokens_are_counted(billed):
    with billed.client("events").audio.speech.with_streaming_response.create(
        model="voice", voice="alloy", input=MESSAGE, stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert b"speech.audio.done" in answer.read()
    assert billed.row()["output_tokens"] == len(MESSAGE)


def test_a_sound_that_breaks_off_is_cut_and_holds_no_words_about_it(gateway):
    headers = {"authorization": f"Bearer {gateway.key('enterprise')}"}
    body = {"model": "hoarse", "voice": "alloy", "input": MESSAGE}
    received = b""

    def listen() -> None:
        nonlocal received
        url = f"{gateway.url}/audio/speech"
        with httpx.stream("POST", url, headers=headers, json=body) as answer:
            assert answer.status_code == 200
            for piece in answer.iter_bytes():
                received += piece

    with pytest.raises(httpx.RemoteProtocolError):
        listen()
    assert received.startswith(b"RIFF")
    assert b"error" not in received


def test_a_sound_is_written_down_and_billed_by_the_second(billed):
    answer = billed.client("writers-down").audio.transcriptions.create(
        model="whisper", file=sound(7.2), prompt="Names: Ödön"
    )
    assert "simulated" in answer.text
    assert answer.usage.seconds == 8
    assert billed.cost() == pytest.approx(8 * 0.0001)


def test_a_sound_is_billed_by_its_tokens_where_these_are_told(billed):
    billed.client("scribes").audio.transcriptions.create(model="scribe", file=sound(4))
    row = billed.row()
    assert (row["input_tokens"], row["output_tokens"]) == (40, 9)
    assert billed.cost() == pytest.approx((40 * 2.5 + 9 * 10) / 1e6)


def test_a_duration_that_is_told_is_what_is_billed(billed):
    billed.client("verbose").audio.transcriptions.create(
        model="whisper", file=sound(4), response_format="verbose_json"
    )
    assert billed.cost() == pytest.approx(4 * 0.0001)


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_plain_text_comes_back_as_plain_text(client, form):
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper", file=sound(1), response_format=form
    )
    assert raw.headers["content-type"].startswith("text/plain")
    assert "simulated" in raw.text


def test_a_translation_is_a_transcription_too(client, gateway):
    with pytest.warns(DeprecationWarning, match="deprecated"):  # the client's own word
        answer = client.audio.translations.create(model="whisper", file=sound(1))
    assert "simulated" in answer.text
    assert gateway.last_request("moe")["model"] == "simulated-whisper"


def test_a_streamed_transcript_comes_in_pieces(billed):
    stream = billed.client("listeners").audio.transcriptions.create(
        model="scribe", file=sound(4), stream=True
    )
    kinds = [event.type for event in stream]
    assert kinds[0] == "transcript.text.delta"
    assert kinds[-1] == "transcript.text.done"
    assert billed.row()["output_tokens"] == 9


def test_backends_that_do_not_say_that_they_have_it_are_not_asked(client):
    with pytest.raises(openai.BadRequestError, match="images"):
        client.images.generate(model="moe", prompt="A cat")
    with pytest.raises(openai.BadRequestError, match="speeches"):
        client.audio.speech.create(model="moe", voice="alloy", input="Hello")
    with pytest.raises(openai.BadRequestError, match="transcriptions"):
        client.audio.transcriptions.create(model="moe", file=sound(1))


def test_what_is_wrong_with_a_form_is_named(gateway):
    def answered(files: list) -> tuple[int, str]:
        headers = {"authorization": f"Bearer {gateway.key('enterprise')}"}
        url = f"{gateway.url}/audio/transcriptions"
        answer = httpx.post(url, headers=headers, files=files)
        return answer.status_code, answer.json()["error"]["param"]

    model, file = ("model", (None, "whisper")), ("file", ("x.wav", wav(1), "audio/wav"))
    assert answered([model]) == (400, "file")
    assert answered([file]) == (400, "model")
    assert answered([model, file, ("Model", (None, "dear"))]) == (400, "Model")
    assert answered([model, file, model]) == (400, "model")
    assert answered([model, file, ("model[]", (None, "dear"))]) == (400, "model[]")
    assert answered([file, ("model", ("name.txt", b"whisper"))]) == (400, "model")
