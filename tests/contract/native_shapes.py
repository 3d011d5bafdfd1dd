"""Bodies and streams of servers that speak a client's own protocol, as they were seen on the wire.

Written from the providers' documentation: odd spacing, fields that nobody here knows, text that is
not ASCII, long lines. Nothing of them may change on its way through.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.ask import Ask
from router.domain import Usage
from router.operations.chat import parse_chat
from router.operations.completion import parse_completion
from router.operations.embedding import parse_embedding
from router.operations.message import parse_message
from router.operations.moderation import parse_moderation
from router.operations.reranking import parse_reranking
from router.operations.response import parse_response


def recorded(name: str) -> bytes:
    """The bytes of a stream."""
    return (Path(__file__).parent / "native" / f"{name}.sse").read_bytes()


def before(stream: bytes, mark: bytes, after: int = 0) -> bytes:
    """What of a stream comes before the mark that follows `after` others."""
    return mark.join(stream.split(mark)[: after + 1])


@dataclass(frozen=True)
class Native:
    """One protocol's story: a request, a whole answer, a stream, and what both used."""

    parse: Callable[..., Ask]
    dialect: str
    request: bytes  # `model` says MODEL
    whole: bytes
    usage: Usage
    stream: bytes = b""
    stream_usage: Usage | None = None
    before_content: bytes = b""  # what of the stream commits to nothing

    def ask(self, **more: Any) -> Ask:
        """The parsed request."""
        return self.parse(self.request, **more)


MESSAGES = Native(
    parse_message,
    "anthropic",
    b'{ "max_tokens":100 , "model" : "MODEL","stream":true,"thinking":{"type":"enabled",'
    b'"budget_tokens":2048},"context_management":{"edits":[]},"seed":12345678901234567890123,'
    b'"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],'
    b'"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user",'
    b'"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"\\u00e9"}},'
    b'{"type":"text","text":"Hi"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t",'
    b'"signature":"S=="},{"type":"redacted_thinking","data":"R=="},{"type":"text","text":"x"}]},'
    b'{"role":"system","content":"Be brief."},{"role":"user","content":"go"}] }\n',
    b'{"id":"msg_1","type":"message", "role":"assistant","model":"claude-x","content":[{"type":'
    b'"thinking","thinking":"t","signature":"S=="},{"type":"text","text":"bl\\u00eau","citations":'
    b'[{"type":"char_location","cited_text":"b"}]}],"stop_reason":"stop_sequence","stop_sequence":'
    b'"FIN","usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,'
    b'"cache_creation_input_tokens":1000},"container":{"id":"c"},"new":1.50}',
    Usage(1110, 5, 100, cache_write_tokens=1000),
    recorded("messages"),
    Usage(1110, 25, 100, cache_write_tokens=1000, units=(("web_search", 1),)),
    before(recorded("messages"), b"event: content_block_delta"),
)

CHAT = Native(
    parse_chat,
    "openai",
    b'{"stream" : true, "stream_options":{"include_usage":true,"x":1},"model":"MODEL",\n'
    b' "messages":[{"role":"user","content":"caf\\u00e9 \\/"}],"seed":12345678901234567890123,'
    b'"temperature":1.0E+0,"made_up":{"deep":[ 1.50 ]}}',
    b'{"id":"c","object":"chat.completion","model":"gpt-x","choices":[{"index":0,"message":{"role":'
    b'"assistant","content":"caf\\u00e9"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
    b'"completion_tokens":4,"total_tokens":13},"big":12345678901234567890123}',
    Usage(9, 4),
    recorded("chat"),
    Usage(9, 4, reported_pico=100_000_000),
    before(recorded("chat"), b"data:", 1),
)

COMPLETION = Native(
    parse_completion,
    "openai",
    b'{"model":"MODEL" ,"prompt":["caf\\u00e9"], "max_tokens":5,"stream":true,"n":2,'
    b'"stream_options":{"include_usage":true},"seed":12345678901234567890123}',
    b'{"id":"cmpl-1","object":"text_completion","model":"gpt-x","choices":[{"text":"\\u00e9t\\u00e9",'
    b'"index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":3,'
    b'"completion_tokens":5,"total_tokens":8},"x":1.50}',
    Usage(3, 5),
    recorded("completion"),
    Usage(3, 5),
    before(recorded("completion"), b"data:", 1),
)
EMBEDDING = Native(
    parse_embedding,
    "openai",
    b'{ "input" : ["caf\\u00e9","x"],"model":"MODEL","dimensions":2,"made_up":1.50}',
    b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[-0.0069292834,1e-05]}],'
    b'"model":"gpt-x","usage":{"prompt_tokens":3,"total_tokens":3}}\n',
    Usage(3, 0),
)
MODERATION = Native(
    parse_moderation,
    "openai",
    b'{"input":[ "caf\\u00e9"],"model":"MODEL","made_up":1.50}',
    b'{"id":"modr-1","model":"gpt-x","results":[{"flagged":false,"category_scores":{"hate":1e-05}}]}',
    Usage(2, 0, estimated=True),
)
RERANKING = Native(
    parse_reranking,
    "openai",
    b'{"model":"MODEL", "query":"caf\\u00e9","documents":["x",{"text":"y"}],'
    b'"top_n":2,"made_up":1.50}',
    b'{"model":"gpt-x","usage":{"total_tokens":38},"results":[{"index":1,"relevance_score":0.50}]}\n',
    Usage(38, 0, units=(("search", 1),)),
)
RESPONSE = Native(
    parse_response,
    "responses",
    b'{ "max_output_tokens":100 , "model" : "MODEL","stream":true,"reasoning":{"effort":"low"},'
    b'"include":["reasoning.encrypted_content"],"seed":12345678901234567890123,"store":false,'
    b'"tools":[{"type":"web_search"},{"type":"custom","name":"apply_patch","format":{"type":'
    b'"grammar","syntax":"lark","definition":"start: /.+/"}}],"input":[{"role":"user","content":'
    b'[{"type":"input_text","text":"caf\\u00e9 \\/"}]},{"type":"reasoning","id":"rs_1",'
    b'"summary":[],'
    b'"encrypted_content":"S=="},{"type":"web_search_call","id":"ws_1","status":"completed",'
    b'"action":{"type":"search","query":"q"}},{"type":"made_up","x":[ 1.50 ]},'
    b'{"role":"developer","content":"Be brief."}],"made_up":{"deep":[ 1.50 ]} }\n',
    b'{"id":"resp_1","object":"response", "created_at":1,"status":"completed","error":null,'
    b'"model":"gpt-x","output":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":'
    b'"S=="},{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{'
    b'"type":"output_text","text":"bl\\u00eau","annotations":[{"type":"file_path","index":1}]}]}],'
    b'"usage":{"input_tokens":1110,"input_tokens_details":{"cached_tokens":100,'
    b'"cache_write_tokens":1000},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},'
    b'"total_tokens":1115},"new":1.50}',
    Usage(1110, 5, 100, 2, cache_write_tokens=1000),
    recorded("responses"),
    Usage(36, 12, 20, 4),
    before(recorded("responses"), b"event: response.reasoning_summary_text.delta"),
)
NATIVE = {
    "messages": MESSAGES,
    "chat": CHAT,
    "completion": COMPLETION,
    "embedding": EMBEDDING,
    "moderation": MODERATION,
    "reranking": RERANKING,
    "response": RESPONSE,
}
