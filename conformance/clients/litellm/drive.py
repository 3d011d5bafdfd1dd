"""LiteLLM's SDK: its own completion() towards OpenAI and Anthropic, and responses()."""

import json

import kit
import litellm
from pydantic import BaseModel

litellm.suppress_debug_info = True
ANTHROPIC = kit.protocol() == "messages"
MODEL = f"{'anthropic' if ANTHROPIC else 'openai'}/{kit.MODEL}"
AT = {"api_base": kit.ROOT if ANTHROPIC else kit.URL, "num_retries": 0}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": kit.CITY}}


class Person(BaseModel):
    name: str
    age: int


def complete(content, model=MODEL, key=kit.KEY, **more):
    messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
    return litellm.completion(model=model, messages=messages, api_key=key, **AT, **more)


def respond(held, **more):
    return litellm.responses(model=MODEL, input=held, api_key=kit.KEY, **AT, **more)


def text_of(answer) -> str:
    return answer.choices[0].message.content


def say():
    return {"text": text_of(complete(kit.SAY))}


def stream():
    chunks = complete(kit.STREAM, stream=True)
    return kit.streamed(chunk.choices[0].delta.content for chunk in chunks)


def tools():
    messages = [{"role": "user", "content": kit.TOOLS}]
    first = complete(messages, tools=[TOOL]).choices[0].message
    messages.append(first)
    calls = [[c.function.name, json.loads(c.function.arguments)] for c in first.tool_calls]
    for call, (_, arguments) in zip(first.tool_calls, calls, strict=True):
        said = kit.weather(**arguments)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
    return {"text": text_of(complete(messages, tools=[TOOL])), "calls": calls}


def structured():
    answer = complete(kit.STRUCTURED, response_format=Person)
    return {"parsed": Person.model_validate_json(text_of(answer)).model_dump()}


def vision():
    image = {"type": "image_url", "image_url": {"url": kit.PICTURE_URL}}
    content = [{"type": "text", "text": kit.VISION}, image]
    return {"text": text_of(complete([{"role": "user", "content": content}]))}


def usage():
    whole = complete(kit.SAY).usage
    chunks = complete(kit.STREAM, stream=True, stream_options={"include_usage": True})
    last = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)][-1]
    return {
        "whole": [whole.prompt_tokens, whole.completion_tokens],
        "streamed": [last.prompt_tokens, last.completion_tokens],
    }


def errors():
    unknown = MODEL.replace(kit.MODEL, kit.UNKNOWN_MODEL)
    return {
        "key": kit.fails(lambda: complete(kit.SAY, key=kit.WRONG_KEY)),
        "model": kit.fails(lambda: complete(kit.SAY, model=unknown)),
    }


def embed():
    answer = litellm.embedding(
        model=MODEL, input=kit.INPUTS, api_key=kit.KEY, encoding_format="float", **AT
    )
    return {"vectors": [one["embedding"] for one in answer.data]}


def responses_text(answer) -> str:
    parts = [p for item in answer.output for p in getattr(item, "content", None) or ()]
    return "".join(part.text for part in parts)


def responses_tools():
    tool = {"type": "function", "name": "get_weather", "parameters": kit.CITY}
    items = [{"role": "user", "content": kit.TOOLS}]
    calls = [i for i in respond(items, tools=[tool]).output if i.type == "function_call"]
    for call in calls:
        said = kit.weather(**json.loads(call.arguments))
        kept = {"call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        items.append({"type": "function_call"} | kept)
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": said})
    text = responses_text(respond(items, tools=[tool]))
    return {"text": text, "calls": [[c.name, json.loads(c.arguments)] for c in calls]}


def responses_stream():
    events = respond(kit.STREAM, stream=True)
    return kit.streamed(e.delta for e in events if e.type == "response.output_text.delta")


def responses_vision():
    image = {"type": "input_image", "image_url": kit.PICTURE_URL}
    parts = [{"type": "input_text", "text": kit.VISION}, image]
    return {"text": responses_text(respond([{"role": "user", "content": parts}]))}


def responses_structured():
    answer = respond(kit.STRUCTURED, text_format=Person)
    return {"parsed": Person.model_validate_json(responses_text(answer)).model_dump()}


if kit.protocol() == "responses":
    kit.run(
        say=lambda: {"text": responses_text(respond(kit.SAY))},
        stream=responses_stream,
        tools=responses_tools,
        structured=responses_structured,
        vision=responses_vision,
    )
else:
    kit.run(
        say=say,
        stream=stream,
        tools=tools,
        structured=structured,
        vision=vision,
        usage=usage,
        errors=errors,
        embed=embed,
    )
