"""What stands beside a document and inside a tool's result comes through between protocols."""

from typing import Any

import pytest

from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.quirks import PLAIN

SOURCE = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
PDF = {"type": "document", "source": SOURCE, "title": "a.pdf", "context": "Of 2020."}
BY_URL = PDF | {"source": {"type": "url", "url": "https://host/a.pdf"}}
NOTES = {
    "type": "document",
    "title": "Notes",
    "source": {"type": "text", "media_type": "text/plain", "data": "The sky is blue."},
}
FOUND = {
    "type": "search_result",
    "source": "https://host",
    "title": "Sky",
    "content": [{"type": "text", "text": "Blue."}],
}
PIXEL = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
IMAGE = {"type": "image", "source": PIXEL}
INLINE = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
HELLO = {"role": "user", "content": "Hello"}
USED = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}


def written(server: str, *messages: Any, client: str = "messages") -> dict[str, Any]:
    body = {"model": "m", "max_tokens": 9, "messages": list(messages)}
    return SERVERS[server].write_request(CLIENTS[client].read_request(body), "m", PLAIN).body


def test_what_is_said_of_a_pdf_stands_before_it_on_chat() -> None:
    (message,) = written("chat", {"role": "user", "content": [PDF]})["messages"]
    context, file = message["content"]
    assert context == {"type": "text", "text": "Of 2020."}
    assert file["file"]["filename"] == "a.pdf"


@pytest.mark.parametrize(
    ("document", "kind"), [(PDF, "inlineData"), (BY_URL, "fileData")], ids=["bytes", "address"]
)
def test_title_and_context_of_a_document_stand_before_it_on_gemini(
    document: dict[str, Any], kind: str
) -> None:
    (content,) = written("gemini", {"role": "user", "content": [document]})["contents"]
    about, media = content["parts"]
    assert about == {"text": "a.pdf\nOf 2020."}
    assert kind in media


def test_the_name_of_a_file_of_chat_reaches_gemini() -> None:
    file = {"filename": "a.txt", "file_data": "data:text/plain;base64,QQ=="}
    message = {"role": "user", "content": [{"type": "file", "file": file}]}
    (content,) = written("gemini", message, client="chat")["contents"]
    assert content["parts"][0] == {"text": "a.txt"}


def results(*contents: Any, after: str = "") -> list[dict[str, Any]]:
    """The last turn's parts on Gemini where tools returned these."""
    calls = [USED | {"id": f"t{n}"} for n in range(len(contents))]
    blocks: list[Any] = [
        {"type": "tool_result", "tool_use_id": f"t{n}", "content": content}
        for n, content in enumerate(contents)
    ]
    rest = [{"type": "text", "text": after}] if after else []
    turns = (HELLO, {"role": "assistant", "content": calls})
    body = written("gemini", *turns, {"role": "user", "content": blocks + rest})
    parts: list[dict[str, Any]] = body["contents"][-1]["parts"]
    return parts


def test_texts_of_documents_and_search_results_are_a_results_text_on_gemini() -> None:
    (part,) = results([NOTES, FOUND])
    assert part["functionResponse"]["response"] == {
        "result": "Notes\nThe sky is blue.\nSky\nhttps://host\nBlue."
    }


def test_an_image_of_a_result_stands_before_the_users_text_with_its_calls_label_on_gemini() -> None:
    first, second, label, image, text = results([IMAGE], "3", after="Look.")
    assert "t0" in first["functionResponse"]["response"]["result"]
    assert second["functionResponse"]["response"] == {"result": 3}
    assert "t0" in label["text"]
    assert (image, text) == (INLINE, {"text": "Look."})


def test_images_of_results_that_come_one_by_one_wait_for_all_of_them_on_gemini() -> None:
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    calls = [{"id": f"t{n}", "function": {"name": "f", "arguments": "{}"}} for n in (1, 2)]
    told_back = [{"role": "tool", "tool_call_id": f"t{n}", "content": [url]} for n in (1, 2)]
    answer = {"role": "assistant", "content": None, "tool_calls": calls}
    body = written("gemini", HELLO, answer, *told_back, HELLO, client="chat")
    kinds = [next(iter(part)) for part in body["contents"][-1]["parts"]]
    assert kinds == [
        *("functionResponse", "functionResponse", "text", "inlineData"),
        *("text", "inlineData", "text"),
    ]
    ended = written("gemini", HELLO, answer, *told_back, client="chat")["contents"][-1]["parts"]
    assert ended == body["contents"][-1]["parts"][:-1]
