"""LangChain: ChatOpenAI in chats and in responses, ChatAnthropic."""

import kit
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Person(BaseModel):
    """A person."""

    name: str
    age: int


get_weather = tool("get_weather")(kit.weather)


def model():
    more = {"model": kit.MODEL, "max_retries": 0}
    if kit.protocol() == "messages":
        return ChatAnthropic(base_url=kit.ROOT, api_key=kit.KEY, **more)
    responses = kit.protocol() == "responses"
    return ChatOpenAI(base_url=kit.URL, api_key=kit.KEY, use_responses_api=responses, **more)


def text_of(message) -> str:
    return message.text if isinstance(message.text, str) else message.text()


def say():
    return {"text": text_of(model().invoke(kit.SAY))}


def stream():
    return kit.streamed(text_of(chunk) for chunk in model().stream(kit.STREAM))


def tools():
    agent = create_agent(model(), [get_weather])
    ended = agent.invoke({"messages": [{"role": "user", "content": kit.TOOLS}]})
    calls = [c for m in ended["messages"] for c in getattr(m, "tool_calls", None) or ()]
    called = [[call["name"], call["args"]] for call in calls]
    return {"text": text_of(ended["messages"][-1]), "calls": called}


def structured():
    return {"parsed": model().with_structured_output(Person).invoke(kit.STRUCTURED).model_dump()}


def vision():
    image = {"type": "image", "base64": kit.PICTURE, "mime_type": "image/png"}
    message = HumanMessage(content=[{"type": "text", "text": kit.VISION}, image])
    return {"text": text_of(model().invoke([message]))}


def embed():
    embedder = OpenAIEmbeddings(
        base_url=kit.URL, api_key=kit.KEY, model=kit.MODEL, check_embedding_ctx_length=False
    )
    return {"vectors": embedder.embed_documents(kit.INPUTS)}


kit.run(say=say, stream=stream, tools=tools, structured=structured, vision=vision, embed=embed)
