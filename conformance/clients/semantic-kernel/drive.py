"""Semantic Kernel: chat completion, and functions that it calls by itself."""

import kit
from openai import AsyncOpenAI
from pydantic import BaseModel
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
)
from semantic_kernel.contents import ChatHistory, ImageContent, TextContent
from semantic_kernel.functions import kernel_function


class Person(BaseModel):
    name: str
    age: int


class Weather:
    @kernel_function(description="Tell how warm it is in a city.")
    def get_weather(self, city: str) -> str:
        return kit.weather(city)


def service() -> OpenAIChatCompletion:
    client = AsyncOpenAI(base_url=kit.URL, api_key=kit.KEY, max_retries=0)
    return OpenAIChatCompletion(ai_model_id=kit.MODEL, async_client=client)


def history(*items) -> ChatHistory:
    held = ChatHistory()
    held.add_user_message(list(items))
    return held


async def ask(*items, kernel=None, **settings) -> str:
    wanted = OpenAIChatPromptExecutionSettings(**settings)
    more = {} if kernel is None else {"kernel": kernel}
    return str(await service().get_chat_message_content(history(*items), wanted, **more))


async def say():
    return {"text": await ask(TextContent(text=kit.SAY))}


async def stream():
    wanted = OpenAIChatPromptExecutionSettings()
    held = history(TextContent(text=kit.STREAM))
    chunks = service().get_streaming_chat_message_content(held, wanted)
    return kit.streamed([str(chunk) async for chunk in chunks if chunk])


async def tools():
    kernel = Kernel()
    kernel.add_plugin(Weather(), "weather")
    automatic = FunctionChoiceBehavior.Auto()
    text = TextContent(text=kit.TOOLS)
    return {"text": await ask(text, kernel=kernel, function_choice_behavior=automatic)}


async def structured():
    text = await ask(TextContent(text=kit.STRUCTURED), response_format=Person)
    return {"parsed": Person.model_validate_json(text).model_dump()}


async def vision():
    picture = ImageContent(data_uri=kit.PICTURE_URL)
    return {"text": await ask(TextContent(text=kit.VISION), picture)}


kit.run(say=say, stream=stream, tools=tools, structured=structured, vision=vision)
