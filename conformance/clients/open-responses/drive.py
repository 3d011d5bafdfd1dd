"""What the specification of Open Responses asks of a server, by the types made of its schema.

Every answer and every event must be what the schema has; beside that stands what the text of the
specification says of their order.
"""

import json
from collections import Counter

import httpx
import kit
import openresponses_types as spec
from pydantic import TypeAdapter

RESPONSE = TypeAdapter(spec.ResponseResource)
EVENTS = {
    kind.value: TypeAdapter(model)
    for name, model in vars(spec).items()
    if name.endswith("StreamingEvent")
    for kind in model.model_fields["type"].annotation
}
TOOL = {"type": "function", "name": "get_weather", "parameters": kit.CITY, "strict": True}
client = httpx.Client(
    base_url=kit.URL, headers={"authorization": f"Bearer {kit.KEY}"}, timeout=60, trust_env=False
)


def message(role, content):
    return {"type": "message", "role": role, "content": content}


def send(**body):
    answer = client.post("/responses", json={"model": kit.MODEL} | body)
    assert answer.status_code == 200, answer.text[:200]
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()


def ask(**body):
    """A response, that the schema's type takes."""
    return RESPONSE.validate_python(send(**body))


def listen(**body):
    """The events of a response, each by its own type. What ends it is told by the last."""
    told = []
    asked = {"model": kit.MODEL, "stream": True} | body
    with client.stream("POST", "/responses", json=asked) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        named = ""
        for line in answer.iter_lines():
            key, _, held = line.partition(": ")
            if key == "event":
                named = held
            elif key == "data" and held != "[DONE]":
                event = json.loads(held)
                assert event["type"] == named, f"{named} is {event['type']}"
                EVENTS[named].validate_python(event)
                told.append(event)
    return told


def texts_of(response):
    return "".join(
        part.text for item in response.output if item.type == "message" for part in item.content
    )


def completed(response):
    assert response.status == "completed", response.status
    assert response.output


def a_text_is_answered():
    completed(ask(input=[message("user", kit.SAY)]))


def a_string_is_a_user_message():
    completed(ask(input=kit.SAY))


def a_system_message_is_taken():
    completed(ask(input=[message("system", "Be brief."), message("user", kit.SAY)]))


def a_conversation_is_taken():
    turns = [message("user", "Hi."), message("assistant", "Hello."), message("user", kit.SAY)]
    completed(ask(input=turns))


def a_picture_is_seen():
    image = {"type": "input_image", "image_url": kit.PICTURE_URL}
    parts = [{"type": "input_text", "text": kit.VISION}, image]
    assert "I see 1" in texts_of(ask(input=[message("user", parts)]))


def a_function_is_called():
    response = ask(input=[message("user", kit.TOOLS)], tools=[TOOL])
    assert {item.type for item in response.output} == {"function_call"}
    assert all(json.loads(item.arguments)["city"] for item in response.output)


def a_result_is_taken_by_its_call():
    user = message("user", kit.TOOLS)
    calls = ask(input=[user], tools=[TOOL]).output
    items = [user]
    for call in calls:
        items.append(call.model_dump(mode="json"))
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "warm"}
        items.append(result)
    assert "warm" in texts_of(ask(input=items, tools=[TOOL]))


def a_schema_is_met_and_told_back():
    wanted = {"type": "json_schema", "name": "person", "schema": kit.PERSON, "strict": True}
    told = send(input=kit.STRUCTURED, text={"format": wanted})
    assert json.loads(told["output"][0]["content"][0]["text"])["name"] == "Ada"
    # Not by the type: it takes no schema but null.
    assert wanted.items() <= told["text"]["format"].items()
    assert "description" in told["text"]["format"]


def settings_are_told_back():
    response = ask(input=kit.SAY, instructions="Be kind.", max_output_tokens=99, temperature=0.5)
    told = (response.instructions, response.max_output_tokens, response.temperature)
    assert told == ("Be kind.", 99, 0.5)


def a_conversation_goes_on_by_its_id():
    first = ask(input=kit.NAMED)
    second = ask(input=kit.ASKED_NAME, previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert "Ada" in texts_of(second)


def a_stream_begins_and_ends_with_the_response():
    told = listen(input=kit.STREAM)
    assert told[0]["type"] == "response.created"
    assert told[-1]["type"] == "response.completed"
    completed(RESPONSE.validate_python(told[-1]["response"]))


def events_are_numbered():
    numbers = [event["sequence_number"] for event in listen(input=kit.STREAM)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def a_text_streams_within_its_part_and_item():
    told = listen(input=kit.STREAM)
    kinds = [event["type"] for event in told]
    opened = ["response.output_item.added", "response.content_part.added"]
    closed = ["response.output_text.done", "response.content_part.done"]
    order = [*opened, "response.output_text.delta", *closed, "response.output_item.done"]
    places = [kinds.index(kind) for kind in order]
    assert places == sorted(places)
    deltas = "".join(e["delta"] for e in told if e["type"] == "response.output_text.delta")
    assert deltas == told[kinds.index("response.output_text.done")]["text"]


def calls_stream_their_arguments():
    told = listen(input=[message("user", kit.TOOLS)], tools=[TOOL])
    for done in (e for e in told if e["type"] == "response.function_call_arguments.done"):
        deltas = "".join(
            event["delta"]
            for event in told
            if event["type"] == "response.function_call_arguments.delta"
            and event["item_id"] == done["item_id"]
        )
        assert deltas == done["arguments"]
    seen = Counter(event["type"] for event in told)
    assert seen["response.function_call_arguments.done"] == 2
    assert seen["response.output_item.added"] == seen["response.output_item.done"] == 2


def every_item_is_finished():
    told = listen(input=kit.STREAM)
    final = told[-1]["response"]["output"]
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert [item["id"] for item in done] == [item["id"] for item in final]
    assert all(item["status"] == "completed" for item in done)


def an_error_says_what_is_wrong():
    answer = client.post("/responses", json={"model": kit.MODEL, "input": 7})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"]
    assert error["type"]


CHECKS = [
    *(a_text_is_answered, a_string_is_a_user_message, a_system_message_is_taken),
    *(a_conversation_is_taken, a_picture_is_seen, a_function_is_called),
    *(a_result_is_taken_by_its_call, a_schema_is_met_and_told_back, settings_are_told_back),
    *(a_conversation_goes_on_by_its_id, a_stream_begins_and_ends_with_the_response),
    *(events_are_numbered, a_text_streams_within_its_part_and_item, calls_stream_their_arguments),
    *(every_item_is_finished, an_error_says_what_is_wrong),
]


def ended(check):
    try:
        check()
    except Exception as error:
        said = " ".join(str(error).replace(kit.URL, "URL").split())
        return f"failed: {type(error).__name__}: {said[:300]}"
    return "passed"


def suite():
    """Every check by name."""
    tests = {check.__name__: ended(check) for check in CHECKS}
    counts = Counter(how.partition(":")[0] for how in tests.values())
    return {"counts": {how: counts[how] for how in ("passed", "failed", "skipped")}, "tests": tests}


kit.run(suite=suite)
