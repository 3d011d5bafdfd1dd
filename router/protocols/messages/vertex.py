"""Anthropic's Messages as Google's Vertex takes them: the model stands in the address, and the body
names the version that the header names elsewhere. Answers are the same."""

from typing import Final

from router.protocols.hub.conversation import Conversation, Written
from router.protocols.messages import request_writer
from router.protocols.quirks import Quirks

VERSION: Final = "vertex-2023-10-16"


def write_request(conversation: Conversation, model: str, quirks: Quirks) -> Written:
    """The body of a rawPredict call; Unsupported where it cannot be said there."""
    written = request_writer.write_request(conversation, model, quirks)
    body = {name: value for name, value in written.body.items() if name != "model"}
    return Written({"anthropic_version": VERSION} | body, written.dropped)
