"""Google's google-genai package."""

import kit
from google import genai
from google.genai import types
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


client = genai.Client(api_key=kit.KEY, http_options=types.HttpOptions(base_url=kit.ROOT))


def get_weather(city: str) -> str:
    """Tell how warm it is in a city."""
    return kit.weather(city)


def ask(contents, **config):
    return client.models.generate_content(
        model=kit.MODEL, contents=contents, config=types.GenerateContentConfig(**config)
    )


def stream():
    chunks = client.models.generate_content_stream(model=kit.MODEL, contents=kit.STREAM)
    return kit.streamed([chunk.text for chunk in chunks])


def structured():
    answer = ask(kit.STRUCTURED, response_mime_type="application/json", response_schema=Person)
    return {"parsed": answer.parsed.model_dump()}


def vision():
    picture = types.Part.from_bytes(data=kit.PICTURE_FILE.read_bytes(), mime_type="image/png")
    return {"text": ask([kit.VISION, picture]).text}


kit.run(
    say=lambda: {"text": ask(kit.SAY).text},
    stream=stream,
    tools=lambda: {"text": ask(kit.TOOLS, tools=[get_weather]).text},
    structured=structured,
    vision=vision,
)
