"""What drivers in Python share: the prompts, and one line of JSON a job."""

import asyncio
import base64
import inspect
import json
import os
import sys
from pathlib import Path

ROOT = os.environ["CONFORMANCE_URL"]
URL = f"{ROOT}/v1"
KEY = os.environ["CONFORMANCE_KEY"]
MODEL = os.environ["CONFORMANCE_MODEL"]
OVER = os.environ["CONFORMANCE_OVER"]
WRONG_KEY, UNKNOWN_MODEL = "sk-wrong", "nowhere"

SAY = "Greet me. [job:say]"
STREAM = "Tell me something. [job:stream]"
TOOLS = "How warm is it in Paris and in Oslo? [job:tools]"
STRUCTURED = "Who wrote the first program, and how old was she at her death? [job:structured]"
JSON_MODE = "Who wrote the first program, and how old was she? Answer in JSON. [job:json]"
VISION = "What is in this picture? [job:vision]"
INPUTS = ["one", "two"]

PICTURE_FILE = Path(__file__).parent / "picture.png"
PICTURE = base64.b64encode(PICTURE_FILE.read_bytes()).decode()
PICTURE_URL = f"data:image/png;base64,{PICTURE}"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "A city's name"}},
    "required": ["city"],
    "additionalProperties": False,
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def weather(city: str) -> str:
    """Tell how warm it is in a city."""
    return f"21 degrees in {city}"


def streamed(texts) -> dict:
    """The outcome of a stream."""
    held = [text for text in texts if text]
    return {"text": "".join(held), "pieces": "many" if len(held) > 2 else len(held)}


def told(error: BaseException) -> dict:
    """An error as a program sees it."""
    return {"class": type(error).__name__, "status": getattr(error, "status_code", None)}


def fails(ask, kinds=Exception) -> dict:
    """What an error looks like; asking must end with one."""
    try:
        ask()
    except kinds as error:
        return told(error)
    return {"class": "none"}


def run(**jobs) -> None:
    """Run the jobs that the command line names after the protocol; coroutines too."""
    for name in sys.argv[2:]:
        try:
            outcome = jobs[name]()
            if inspect.isawaitable(outcome):
                outcome = asyncio.run(outcome)
        except BaseException as error:  # whatever ended it is the outcome
            message = str(error).replace(URL, "URL").replace(ROOT, "ROOT")[:400]
            outcome = {"error": type(error).__name__, "message": message}
        print(json.dumps({"job": name} | outcome, default=str), flush=True)


def protocol() -> str:
    """The protocol that the row asks for."""
    return sys.argv[1]
