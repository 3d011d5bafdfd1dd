"""What servers of responses say: errors, last events, sections of thoughts."""

from typing import Any

import orjson
import pytest
from responses_answers import whole

from router.protocols.hub.conversation import Call, Text
from router.protocols.hub.events import PartDelta, PartOpened
from router.protocols.hub.table import SERVERS
from router.protocols.passage import ErrorInside


class TestServers:
    """What servers of responses say."""

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            ({"code": "rate_limit_exceeded", "message": "slow"}, 429),
            ({"code": "server_error", "message": "x"}, 502),
            ({"code": "invalid_prompt", "message": "x"}, 400),
            ({"code": "image_too_large", "message": "x"}, 400),
            ({"code": 503, "message": "x"}, 503),
            ({"message": "x"}, 502),
            ("broken", 502),
            (None, 502),
        ],
    )
    def test_a_failed_response_is_an_error(self, error: Any, status: int) -> None:
        response = {"id": "r", "status": "failed", "error": error, "output": []}
        reader = SERVERS["responses"].reader()
        event = {"type": "response.failed", "sequence_number": 1, "response": response}
        with pytest.raises(ErrorInside) as caught:
            SERVERS["responses"].read_answer(response)
        assert caught.value.status == status
        with pytest.raises(ErrorInside) as caught:
            reader.feed(b"data: " + orjson.dumps(event) + b"\n\n")
        assert caught.value.status == status

    @pytest.mark.parametrize(
        "event",
        [
            {"type": "error", "code": "server_error", "message": "broke", "param": None},
            {"type": "error", "error": {"code": "server_error", "message": "broke"}},
            {"error": {"message": "broke"}},
        ],
    )
    def test_an_error_event_of_either_shape_is_an_error(self, event: dict[str, Any]) -> None:
        with pytest.raises(ErrorInside) as caught:
            SERVERS["responses"].reader().feed(b"data: " + orjson.dumps(event) + b"\n\n")
        assert caught.value.message == "broke"

    def test_one_that_tells_all_in_its_last_event_is_read(self) -> None:
        body = whole(Text("a"), Call("c", "f", "{}"))
        event = {"type": "response.completed", "sequence_number": 0, "response": body}
        found = SERVERS["responses"].reader().feed(b"data: " + orjson.dumps(event) + b"\n\n")
        heads = [event.head for event in found if isinstance(event, PartOpened)]
        assert heads == [Text("a"), Call("c", "f", "{}")]

    def test_sections_of_a_thought_are_one_text(self) -> None:
        given = [
            {"type": "response.created", "response": {"id": "r", "model": "m"}},
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {"type": "reasoning", "id": "rs"},
            },
            *(
                {
                    "type": "response.reasoning_summary_text.delta",
                    "output_index": 0,
                    "summary_index": number,
                    "delta": text,
                }
                for number, text in enumerate(("a", "b"))
            ),
        ]
        stream = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in given)
        found = SERVERS["responses"].reader().feed(stream)
        assert "".join(e.text for e in found if isinstance(e, PartDelta)) == "a\n\nb"
