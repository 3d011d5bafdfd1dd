"""instructor over the official clients."""

import anthropic
import instructor
import kit
import openai
from pydantic import BaseModel

ANTHROPIC = kit.protocol() == "messages"


class Person(BaseModel):
    name: str
    age: int


if ANTHROPIC:
    client = instructor.from_anthropic(
        anthropic.Anthropic(base_url=kit.ROOT, api_key=kit.KEY, max_retries=0)
    )
else:
    client = instructor.from_openai(openai.OpenAI(base_url=kit.URL, api_key=kit.KEY, max_retries=0))


def ask(content) -> Person:
    return client.chat.completions.create(
        model=kit.MODEL,
        max_tokens=500,
        max_retries=0,
        messages=[{"role": "user", "content": content}],
        response_model=Person,
    )


kit.run(structured=lambda: {"parsed": ask(kit.STRUCTURED).model_dump()})
