"""Tokens of a text, and the text of tokens, as vLLM and llama.cpp tell them."""

from router.ask import Ask
from router.domain import Usage
from router.protocols.error_inside import refuse_error_inside
from router.protocols.openai.passage import OpenAIPassage
from router.protocols.passage import MalformedReply, Reply, read_object

_ANSWERS = frozenset({"tokens", "count", "prompt", "content"})


class TokensPassage(OpenAIPassage):
    """Relays whole answers; no model ran, so nothing was used."""

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole answer."""
        del ask
        body = read_object(raw)
        refuse_error_inside(body)
        if _ANSWERS.isdisjoint(body):
            raise MalformedReply("answered without tokens")
        return Reply(raw.strip(), Usage(), None)
