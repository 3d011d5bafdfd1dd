"""Pydantic AI: agents over chats, responses and messages."""

import kit
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


class Person(BaseModel):
    name: str
    age: int


def model():
    if kit.protocol() == "messages":
        provider = AnthropicProvider(base_url=kit.ROOT, api_key=kit.KEY)
        return AnthropicModel(kit.MODEL, provider=provider)
    kind = OpenAIResponsesModel if kit.protocol() == "responses" else OpenAIChatModel
    return kind(kit.MODEL, provider=OpenAIProvider(base_url=kit.URL, api_key=kit.KEY))


async def say():
    return {"text": (await Agent(model()).run(kit.SAY)).output}


async def stream():
    async with Agent(model()).run_stream(kit.STREAM) as held:
        return kit.streamed([text async for text in held.stream_text(delta=True, debounce_by=None)])


async def tools():
    calls = []

    def get_weather(city: str) -> str:
        """Tell how warm it is in a city."""
        calls.append(["get_weather", {"city": city}])
        return kit.weather(city)

    ended = await Agent(model(), tools=[get_weather]).run(kit.TOOLS)
    return {"text": ended.output, "calls": sorted(calls, key=str)}


async def structured():
    ended = await Agent(model(), output_type=Person).run(kit.STRUCTURED)
    return {"parsed": ended.output.model_dump()}


async def vision():
    picture = BinaryContent(kit.PICTURE_FILE.read_bytes(), media_type="image/png")
    return {"text": (await Agent(model()).run([kit.VISION, picture])).output}


async def usage():
    whole = (await Agent(model()).run(kit.SAY)).usage
    async with Agent(model()).run_stream(kit.STREAM) as held:
        await held.get_output()
        last = held.usage
    told = [one() if callable(one) else one for one in (whole, last)]
    (whole, last) = told
    return {
        "whole": [whole.input_tokens, whole.output_tokens],
        "streamed": [last.input_tokens, last.output_tokens],
    }


kit.run(say=say, stream=stream, tools=tools, structured=structured, vision=vision, usage=usage)
