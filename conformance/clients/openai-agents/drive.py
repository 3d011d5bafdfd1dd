"""OpenAI's Agents SDK: over chats and over responses."""

import kit
from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel

set_tracing_disabled(True)
get_weather = function_tool(kit.weather, name_override="get_weather")


class Person(BaseModel):
    name: str
    age: int


def agent(**more) -> Agent:
    client = AsyncOpenAI(base_url=kit.URL, api_key=kit.KEY, max_retries=0)
    responses = kit.protocol() == "responses"
    kind = OpenAIResponsesModel if responses else OpenAIChatCompletionsModel
    return Agent(name="one", model=kind(kit.MODEL, openai_client=client), **more)


async def say():
    return {"text": (await Runner.run(agent(), kit.SAY)).final_output}


async def stream():
    events = Runner.run_streamed(agent(), kit.STREAM).stream_events()
    raw = [event.data async for event in events if event.type == "raw_response_event"]
    return kit.streamed(data.delta for data in raw if data.type == "response.output_text.delta")


async def tools():
    held = Runner.run_streamed(agent(tools=[get_weather]), kit.TOOLS)
    called = 0
    async for event in held.stream_events():
        called += event.type == "run_item_stream_event" and event.name == "tool_called"
    return {"text": held.final_output, "calls": called}


async def structured():
    ended = await Runner.run(agent(output_type=Person), kit.STRUCTURED)
    return {"parsed": ended.final_output.model_dump()}


async def vision():
    image = {"type": "input_image", "image_url": kit.PICTURE_URL, "detail": "auto"}
    content = [{"type": "input_text", "text": kit.VISION}, image]
    ended = await Runner.run(agent(), [{"role": "user", "content": content}])
    return {"text": ended.final_output}


kit.run(say=say, stream=stream, tools=tools, structured=structured, vision=vision)
