"""The official anthropic package."""

import anthropic
import kit

client = anthropic.Anthropic(base_url=kit.ROOT, api_key=kit.KEY, max_retries=0)
TOOL = {"name": "get_weather", "description": "Tell the weather.", "input_schema": kit.CITY}
PERSON = {"name": "person", "description": "Tell of a person.", "input_schema": kit.PERSON}


def asked(content, **more) -> dict:
    messages = [{"role": "user", "content": content}]
    return {"model": kit.MODEL, "max_tokens": 500, "messages": messages} | more


def text_of(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def say():
    message = client.messages.create(**asked(kit.SAY, system="Be brief."))
    return {"text": text_of(message), "stop": message.stop_reason}


def stream():
    with client.messages.stream(**asked(kit.STREAM)) as held:
        return kit.streamed(held.text_stream)


def tools():
    request = asked(kit.TOOLS, tools=[TOOL])
    first = client.messages.create(**request)
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": kit.weather(**call.input)}
        for call in calls
    ]
    request["messages"] += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    with client.messages.stream(**request) as held:
        text = text_of(held.get_final_message())
    called = [[call.name, call.input] for call in calls]
    return {"text": text, "calls": called, "stop": first.stop_reason}


def structured():
    """By a tool that must be called: how Anthropic's clients have long done it."""
    choice = {"type": "tool", "name": "person"}
    message = client.messages.create(**asked(kit.STRUCTURED, tools=[PERSON], tool_choice=choice))
    return {"parsed": message.content[0].input}


def vision():
    source = {"type": "base64", "media_type": "image/png", "data": kit.PICTURE}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": kit.VISION}]
    return {"text": text_of(client.messages.create(**asked(parts)))}


def usage():
    whole = client.messages.create(**asked(kit.SAY)).usage
    with client.messages.stream(**asked(kit.STREAM)) as held:
        last = held.get_final_message().usage
    return {
        "whole": [whole.input_tokens, whole.output_tokens],
        "streamed": [last.input_tokens, last.output_tokens],
    }


def cached():
    part = {"type": "text", "text": kit.CACHED, "cache_control": {"type": "ephemeral"}}
    used = client.messages.create(**asked([part])).usage
    return {"cached": used.cache_read_input_tokens, "input": used.input_tokens}


def search():
    request = asked(kit.SEARCH, tools=[{"type": "web_search_20250305", "name": "web_search"}])
    whole = client.messages.create(**request)
    with client.messages.stream(**request) as held:
        streamed = held.get_final_message()
    return {
        "text": text_of(whole),
        "source": whole.content[1].content[0].url,
        "items": [block.type for block in whole.content],
        "streamed": [block.type for block in streamed.content],
        "query": streamed.content[0].input,
    }


def reason():
    """The thought is streamed, as long ones are, and given back."""
    request = asked(kit.REASON, thinking={"type": "enabled", "budget_tokens": 1024})
    request["max_tokens"] = 2000
    with client.messages.stream(**request) as held:
        first = held.get_final_message()
    request["messages"] += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": kit.REASON},
    ]
    again = client.messages.create(**request)
    return {"thought": first.content[0].thinking, "text": text_of(again)}


def errors():
    stranger = client.with_options(api_key=kit.WRONG_KEY)
    return {
        "key": kit.fails(lambda: stranger.messages.create(**asked(kit.SAY))),
        "model": kit.fails(
            lambda: client.messages.create(**asked(kit.SAY) | {"model": kit.UNKNOWN_MODEL})
        ),
    }


def count():
    request = asked(kit.SAY)
    del request["max_tokens"]
    return {"counted": client.messages.count_tokens(**request).input_tokens > 0}


kit.run(
    say=say,
    stream=stream,
    tools=tools,
    structured=structured,
    vision=vision,
    usage=usage,
    errors=errors,
    cached=cached,
    search=search,
    reason=reason,
    count=count,
)
