"""Every key of turnout.yaml with a secret in it, for the tests that look what is said of it."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from policies.findings import DocumentError
from router.world.config import Config
from router.world.config_load import load_config

SECRETS = [
    "sk-live-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "hunter2!",
    "two\nlines-of-a-key\x1b[31m and-a-tail",
    "redis://user:pa55word-of-the-ledger@host:12x/one",
    "https://user:pa55word-of-a-proxy@host:1/path?query",
    "$ecret-with-{braces}-and-`quotes`",
]
WAYS = ["${SECRET}", "before-${SECRET}-behind", ["${SECRET}"], {"some": "${SECRET}"}]
BACKEND = {"base_url": "http://h/v1", "model": "m", "price": {"input": 1, "output": 1}}


def models_in(annotation: Any) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """The sections that a key may hold, and what stands before their keys."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield (), annotation
    names = ("b",) if get_origin(annotation) is dict else ()
    for part in get_args(annotation):
        for inner, model in models_in(part):
            yield (*names, *inner), model


def keys_of(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key that turnout.yaml may have."""
    for name, field in model.model_fields.items():
        path = (*above, field.alias or name)
        yield path
        for names, section in models_in(field.annotation):
            yield from keys_of(section, (*path, *names))


KEYS = sorted(set(keys_of(Config)))


def written(path: tuple[str, ...], value: Any) -> str:
    """A configuration that is right but for one key."""
    config: dict[str, Any] = {"version": 1, "backends": {"b": deepcopy(BACKEND)}}
    section = config
    for name in path[:-1]:
        section = section.setdefault(name, {})
    section[path[-1]] = value
    return json.dumps(config)


def told(text: str, secret: str) -> str:
    """What is said of a configuration; nothing where it is right."""
    try:
        load_config(text, "turnout.yaml", {"SECRET": secret})
    except DocumentError as error:
        return str(error)
    return ""


def quoted(said: str, secret: str) -> bool:
    """Whether eight characters in a row of a secret, or all of it, stand in what is said."""
    size, lowered = min(8, len(secret)), said.lower()
    runs = {secret[at : at + size] for at in range(len(secret) - size + 1)}
    secrets = {run for run in runs if run.isprintable() and "://" not in run}
    return any(run.lower() in lowered for run in secrets)
