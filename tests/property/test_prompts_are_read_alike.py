"""A prompt is one thing: what a request is scored by is what its kept copy is read as later."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from classifiers.prompt import prompt_of_messages
from router.operations.chat import parse_chat

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
TEXT_PART = st.builds(lambda text: {"type": "text", "text": text}, TEXT)
REFUSAL_PART = st.builds(lambda text: {"type": "refusal", "refusal": text}, TEXT)
IMAGE_PART = st.just({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}})
CONTENT = st.none() | TEXT | st.lists(TEXT_PART | REFUSAL_PART | IMAGE_PART, max_size=3)
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])
MESSAGES = st.lists(
    st.builds(lambda role, content: {"role": role, "content": content}, ROLES, CONTENT),
    min_size=1,
    max_size=5,
)
FUNCTION = st.builds(lambda name: {"type": "function", "function": {"name": name}}, TEXT)
HOSTED = st.just({"type": "web_search"})
TOOLS = st.none() | st.lists(FUNCTION | HOSTED, max_size=3)


@given(messages=MESSAGES, tools=TOOLS)
def test_a_request_and_its_kept_copy_are_the_same_prompt(messages, tools):
    body = {"model": "m", "messages": messages, "tools": tools}
    asked = parse_chat(orjson.dumps(body)).prompt
    assert asked == prompt_of_messages(messages, tools)
