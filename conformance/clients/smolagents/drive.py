"""smolagents: its model, and an agent that calls tools."""

import kit
from smolagents import ChatMessage, OpenAIModel, ToolCallingAgent, tool
from smolagents.monitoring import LogLevel

model = OpenAIModel(kit.MODEL, api_base=kit.URL, api_key=kit.KEY)


@tool
def get_weather(city: str) -> str:
    """Tell how warm it is in a city.

    Args:
        city: The city's name.
    """
    return kit.weather(city)


def user(*parts) -> list:
    return [ChatMessage(role="user", content=list(parts))]


def text(said: str) -> dict:
    return {"type": "text", "text": said}


def tools():
    agent = ToolCallingAgent([get_weather], model, verbosity_level=LogLevel.OFF, max_steps=3)
    return {"text": agent.run(kit.TOOLS)}


def vision():
    image = {"type": "image_url", "image_url": {"url": kit.PICTURE_URL}}
    return {"text": model.generate(user(text(kit.VISION), image)).content}


kit.run(
    say=lambda: {"text": model.generate(user(text(kit.SAY))).content},
    stream=lambda: kit.streamed(
        delta.content for delta in model.generate_stream(user(text(kit.STREAM)))
    ),
    tools=tools,
    vision=vision,
)
