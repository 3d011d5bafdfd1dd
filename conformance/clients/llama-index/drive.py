"""LlamaIndex: OpenAI in chats and in responses, Anthropic."""

import kit
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai import OpenAI, OpenAIResponses
from pydantic import BaseModel


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def model():
    more = {"model": kit.MODEL, "api_key": kit.KEY, "max_retries": 0}
    if kit.protocol() == "messages":
        return Anthropic(base_url=kit.ROOT, **more)
    return (OpenAIResponses if kit.protocol() == "responses" else OpenAI)(api_base=kit.URL, **more)


def user(*blocks) -> list:
    return [ChatMessage(role="user", blocks=list(blocks))]


def say():
    return {"text": model().chat(user(TextBlock(text=kit.SAY))).message.content}


def stream():
    chunks = model().stream_chat(user(TextBlock(text=kit.STREAM)))
    return kit.streamed(chunk.delta for chunk in chunks)


async def tools():
    tool = FunctionTool.from_defaults(kit.weather, name="get_weather")
    agent = FunctionAgent(tools=[tool], llm=model(), streaming=True)
    ended = await agent.run(kit.TOOLS)
    called = [[call.tool_name, call.tool_kwargs] for call in ended.tool_calls]
    return {"text": str(ended.response.content), "calls": called}


def structured():
    llm = model().as_structured_llm(Person)
    return {"parsed": llm.chat(user(TextBlock(text=kit.STRUCTURED))).raw.model_dump()}


def vision():
    picture = ImageBlock(image=kit.PICTURE_FILE.read_bytes(), image_mimetype="image/png")
    return {"text": model().chat(user(TextBlock(text=kit.VISION), picture)).message.content}


def embed():
    embedder = OpenAIEmbedding(
        api_base=kit.URL, api_key=kit.KEY, model_name=kit.MODEL, max_retries=0
    )
    return {"vectors": embedder.get_text_embedding_batch(kit.INPUTS)}


kit.run(say=say, stream=stream, tools=tools, structured=structured, vision=vision, embed=embed)
