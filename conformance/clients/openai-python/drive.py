"""The official openai package."""

import base64
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

    def cached(self):
        used = self.create(kit.CACHED).usage
        return {"cached": used.prompt_tokens_details.cached_tokens, "input": used.prompt_tokens}

    def moderate(self):
        answer = client.moderations.create(model=kit.MODEL, input="I hate it")
        return {"flagged": answer.results[0].flagged}

    def image(self):
        made = client.images.generate(model=kit.MODEL, prompt="a cat")
        with kit.PICTURE_FILE.open("rb") as picture:
            changed = client.images.edit(model=kit.MODEL, prompt="a dog", image=picture)
        told = [base64.b64decode(one.data[0].b64_json).decode() for one in (made, changed)]
        return {"made": told[0], "changed": told[1]}

    def speech(self):
        asked = {"model": kit.MODEL, "voice": "alloy", "input": "Hello"}
        raw = client.audio.speech.create(**asked).content
        with client.audio.speech.with_streaming_response.create(**asked) as answer:
            streamed = b"".join(answer.iter_bytes())
        return {"sound": raw[:23].decode(), "bytes": len(raw), "same": raw == streamed}

    def transcribe(self):
        with kit.SOUND_FILE.open("rb") as sound:
            answer = client.audio.transcriptions.create(model=kit.MODEL, file=sound)
        return {"text": answer.text}


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

    def cached(self):
        used = client.responses.create(model=kit.MODEL, input=kit.CACHED).usage
        return {"cached": used.input_tokens_details.cached_tokens, "input": used.input_tokens}

    def search(self):
        asked = {"model": kit.MODEL, "input": kit.SEARCH, "tools": [{"type": "web_search"}]}
        answer = client.responses.create(**asked)
        events = [event.type for event in client.responses.create(**asked, stream=True)]
        return {
            "text": answer.output_text,
            "source": answer.output[-1].content[0].annotations[0].url,
            "items": [item.type for item in answer.output],
            "searched": [name for name in events if "web_search" in name or "annotation" in name],
        }

    def reason(self):
        asked = {"model": kit.MODEL, "store": False, "include": ["reasoning.encrypted_content"]}
        first = client.responses.create(input=kit.REASON, **asked)
        again = client.responses.create(
            input=[*user(kit.REASON), *first.output, *user(kit.REASON)], **asked
        )
        return {"thought": first.output[0].summary[0].text, "text": again.output_text}

    def state(self):
        first = client.responses.create(model=kit.MODEL, input=kit.NAMED)
        second = client.responses.create(
            model=kit.MODEL, input=kit.ASKED_NAME, previous_response_id=first.id
        )
        kept = client.responses.retrieve(second.id)
        items = list(client.responses.input_items.list(second.id))
        client.responses.delete(second.id)
        gone = kit.fails(lambda: client.responses.retrieve(second.id))
        goes_on = kit.fails(
            lambda: client.responses.create(
                model=kit.MODEL, input=kit.ASKED_NAME, previous_response_id=second.id
            )
        )
        return {
            "text": second.output_text,
            "kept": kept.output_text == second.output_text,
            "status": kept.status,
            "items": sorted(item.role for item in items),
            "gone": gone["status"],
            "class": gone["class"],
            "goes_on": goes_on,
        }


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
