"""A response is ended by what is stored of it, where its own gateway has no part in it."""

import orjson
from fakes.background import ITEM, event

from router.pipeline.run_endings import cancelled, killed, response_of
from router.protocols.responses.errors import BEHIND_ALL
from router.protocols.responses.kept import document_of, kept_id
from router.stored.response import StoredResponse

ID = kept_id("1" * 32)
RUNNING = {"id": ID, "status": "in_progress", "background": True, "output": []}
BEGUN = StoredResponse(ID, "resp_0", document_of(orjson.dumps(RUNNING), "Hello", "u"))
TOLD = event("response.output_item.done", sequence_number=2, item=ITEM)


def test_what_its_client_ended_keeps_what_was_whole_and_tells_no_event():
    ended = cancelled(BEGUN, TOLD)
    response = response_of(ended.response)
    assert (response["status"], response["output"], response["error"]) == (
        "cancelled",
        [ITEM],
        None,
    )
    assert (ended.response.id, ended.response.previous, ended.last) == (ID, "resp_0", None)


def test_what_a_dead_gateway_left_has_failed_and_tells_so_behind_any_number():
    ended = killed(BEGUN, TOLD)
    response = response_of(ended.response)
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    assert ended.last is not None
    assert (ended.last.first, ended.last.last) == (BEHIND_ALL, BEHIND_ALL)


def test_where_there_is_no_room_the_output_goes():
    instead = response_of(cancelled(BEGUN, TOLD).instead)
    assert (instead["status"], instead["output"]) == ("failed", [])
    assert "responses.room" in instead["error"]["message"]
