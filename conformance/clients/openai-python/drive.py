"""The official openai package."""

import json

import kit
import openai
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


client = openai.OpenAI(base_url=kit.URL, api_key=kit.KEY, max_retries=0)


def user(text: str) -> list:
    return [{"role": "user", "content": text}]


def usage(used, incoming: str, outgoing: str) -> list:
    return [getattr(used, incoming), getattr(used, outgoing)]


def errors_of(ask) -> dict:
    stranger = client.with_options(api_key=kit.WRONG_KEY)
    return {
        "key": kit.fails(lambda: ask(stranger, kit.MODEL)),
        "model": kit.fails(lambda: ask(client, kit.UNKNOWN_MODEL)),
    }


class Chat:
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": kit.CITY}}

    def create(self, text: str, **more):
        return client.chat.completions.create(model=kit.MODEL, messages=user(text), **more)

    def say(self):
        return {"text": self.create(kit.SAY).choices[0].message.content}

    def stream(self):
        chunks = self.create(kit.STREAM, stream=True)
        return kit.streamed(c.choices[0].delta.content for c in chunks if c.choices)

    def tools(self):
        messages = user(kit.TOOLS)
        first = client.chat.completions.create(
            model=kit.MODEL, messages=messages, tools=[self.tool]
        )
        calls = first.choices[0].message.tool_calls
        messages.append(first.choices[0].message)
        for call in calls:
            said = kit.weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
        with client.chat.completions.stream(
            model=kit.MODEL, messages=messages, tools=[self.tool]
        ) as stream:
            text = stream.get_final_completion().choices[0].message.content
        called = [[call.function.name, json.loads(call.function.arguments)] for call in calls]
        return {"text": text, "calls": called, "finish": first.choices[0].finish_reason}

    def structured(self):
        answer = client.chat.completions.parse(
            model=kit.MODEL, messages=user(kit.STRUCTURED), response_format=Person
        )
        return {"parsed": answer.choices[0].message.parsed.model_dump()}

    def vision(self):
        parts = [
            {"type": "text", "text": kit.VISION},
            {"type": "image_url", "image_url": {"url": kit.PICTURE_URL}},
        ]
        return {"text": self.create(parts).choices[0].message.content}

    def usage(self):
        whole = self.create(kit.SAY).usage
        chunks = self.create(kit.STREAM, stream=True, stream_options={"include_usage": True})
        last = next(chunk.usage for chunk in chunks if chunk.usage)
        names = ("prompt_tokens", "completion_tokens")
        return {"whole": usage(whole, *names), "streamed": usage(last, *names)}

    def errors(self):
        return errors_of(
            lambda by, model: by.chat.completions.create(model=model, messages=user(kit.SAY))
        )

    def embed(self):
        answer = client.embeddings.create(model=kit.MODEL, input=kit.INPUTS)
        return {"vectors": [one.embedding for one in answer.data]}

    def complete(self):
        answer = client.completions.create(model=kit.MODEL, prompt="Once upon a time")
        return {"text": answer.choices[0].text}


class Real(Chat):
    """The real small model. Without the prompt cache: it changes what is computed together."""

    def model(self):
        exact = {"temperature": 0, "seed": 1, "max_tokens": 24}
        exact["extra_body"] = {"cache_prompt": False}
        whole = self.create("Name three colours.", **exact).choices[0].message.content
        chunks = self.create("Name three colours.", stream=True, **exact)
        texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
        return {"text": whole, "agrees": "".join(texts) == whole != ""}


class Responses:
    tool = {"type": "function", "name": "get_weather", "parameters": kit.CITY, "strict": True}

    def say(self):
        return {"text": client.responses.create(model=kit.MODEL, input=kit.SAY).output_text}

    def stream(self):
        events = client.responses.create(model=kit.MODEL, input=kit.STREAM, stream=True)
        return kit.streamed(e.delta for e in events if e.type == "response.output_text.delta")

    def tools(self):
        items = user(kit.TOOLS)
        asked = {"model": kit.MODEL, "tools": [self.tool], "store": False}
        first = client.responses.create(input=items, **asked)
        calls = [item for item in first.output if item.type == "function_call"]
        items += first.output
        for call in calls:
            said = kit.weather(**json.loads(call.arguments))
            output = {"type": "function_call_output", "call_id": call.call_id, "output": said}
            items.append(output)
        with client.responses.stream(input=items, **asked) as stream:
            text = stream.get_final_response().output_text
        return {"text": text, "calls": [[c.name, json.loads(c.arguments)] for c in calls]}

    def structured(self):
        answer = client.responses.parse(model=kit.MODEL, input=kit.STRUCTURED, text_format=Person)
        return {"parsed": answer.output_parsed.model_dump()}

    def vision(self):
        parts = [
            {"type": "input_text", "text": kit.VISION},
            {"type": "input_image", "image_url": kit.PICTURE_URL, "detail": "auto"},
        ]
        answer = client.responses.create(model=kit.MODEL, input=user(parts))
        return {"text": answer.output_text}

    def usage(self):
        whole = client.responses.create(model=kit.MODEL, input=kit.SAY).usage
        events = client.responses.create(model=kit.MODEL, input=kit.STREAM, stream=True)
        last = list(events)[-1].response.usage
        names = ("input_tokens", "output_tokens")
        return {"whole": usage(whole, *names), "streamed": usage(last, *names)}

    def errors(self):
        return errors_of(lambda by, model: by.responses.create(model=model, input=kit.SAY))


class ErrorTold(Exception):
    """An error that is an event."""

    def __init__(self, event) -> None:
        super().__init__(event.error.code)
        self.status_code = event.status


class Socket:
    """Responses over a WebSocket: what is continued is named, not sent again."""

    def _ask(self, connection, text, **more) -> list:
        connection.response.create(model=kit.MODEL, input=text, store=False, **more)
        told = []
        for event in connection:
            told.append(event)
            if event.type in ("response.completed", "response.failed", "error"):
                return told
        raise ConnectionError("the connection closed before the response ended")

    def say(self):
        with client.responses.connect() as connection:
            return {"text": self._ask(connection, kit.SAY)[-1].response.output_text}

    def stream(self):
        with client.responses.connect() as connection:
            events = self._ask(connection, kit.STREAM)
        return kit.streamed(e.delta for e in events if e.type == "response.output_text.delta")

    def tools(self):
        tools = {"tools": [Responses.tool], "stream_id": "main"}
        with client.responses.connect() as connection:
            first = self._ask(connection, kit.TOOLS, **tools)[-1].response
            calls = [item for item in first.output if item.type == "function_call"]
            results = [
                {
                    "type": "function_call_output",
                    "call_id": call.call_id,
                    "output": kit.weather(**json.loads(call.arguments)),
                }
                for call in calls
            ]
            last = self._ask(connection, results, previous_response_id=first.id, **tools)[-1]
        named = [[call.name, json.loads(call.arguments)] for call in calls]
        return {"text": last.response.output_text, "calls": named, "lane": last.stream_id}

    def usage(self):
        with client.responses.connect() as connection:
            used = [
                self._ask(connection, text)[-1].response.usage for text in (kit.SAY, kit.STREAM)
            ]
        whole, streamed = (usage(each, "input_tokens", "output_tokens") for each in used)
        return {"whole": whole, "streamed": streamed}

    def errors(self):
        def ask(by):
            with by.responses.connect() as connection:
                connection.response.create(model=kit.UNKNOWN_MODEL, input=kit.SAY)
                raise ErrorTold(connection.recv())

        stranger = client.with_options(api_key=kit.WRONG_KEY)
        return {"key": kit.fails(lambda: ask(stranger)), "model": kit.fails(lambda: ask(client))}


over_http = {"chat": Real, "responses": Responses}
jobs = Socket() if kit.OVER == "websocket" else over_http[kit.protocol()]()
kit.run(**{name: getattr(jobs, name) for name in dir(jobs) if not name.startswith("_")})
