"""Haystack's generators."""

import kit
from haystack.components.agents import Agent
from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators import chat as generators
from haystack.dataclasses import ChatMessage, ImageContent
from haystack.tools import Tool
from haystack.utils import Secret
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


AT = {"api_base_url": kit.URL, "api_key": Secret.from_token(kit.KEY)}


def model(**more):
    responses = kit.protocol() == "responses"
    kind = "OpenAIResponsesChatGenerator" if responses else "OpenAIChatGenerator"
    return getattr(generators, kind)(model=kit.MODEL, max_retries=0, **AT, **more)


def ask(*content, **more) -> str:
    message = ChatMessage.from_user(content_parts=list(content))
    return model(**more).run([message])["replies"][0].text


def stream():
    texts = []
    ask(kit.STREAM, streaming_callback=lambda chunk: texts.append(chunk.content))
    return kit.streamed(texts)


def tools():
    tool = Tool("get_weather", "Tell the weather.", kit.CITY, kit.weather)
    ended = Agent(chat_generator=model(), tools=[tool]).run([ChatMessage.from_user(kit.TOOLS)])
    calls = [c for m in ended["messages"] for c in m.tool_calls]
    called = [[call.tool_name, call.arguments] for call in calls]
    return {"text": ended["messages"][-1].text, "calls": called}


def structured():
    name = "text_format" if kit.protocol() == "responses" else "response_format"
    text = ask(kit.STRUCTURED, generation_kwargs={name: Person})
    return {"parsed": Person.model_validate_json(text).model_dump()}


def embed():
    embedder = OpenAITextEmbedder(model=kit.MODEL, **AT)
    return {"vectors": [embedder.run(text)["embedding"] for text in kit.INPUTS]}


kit.run(
    say=lambda: {"text": ask(kit.SAY)},
    stream=stream,
    tools=tools,
    structured=structured,
    vision=lambda: {"text": ask(kit.VISION, ImageContent(kit.PICTURE, mime_type="image/png"))},
    embed=embed,
)
