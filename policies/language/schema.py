"""The policy's JSON Schema, with which editors complete and check."""

import json
from typing import Any, Final

from pydantic import BaseModel

from policies.examples import ProbesDoc
from policies.language.document import PolicyDoc

_BASE: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "policy": (PolicyDoc, "Turnout policy"),
    "probes": (ProbesDoc, "Turnout probes"),
}


def schema(name: str) -> dict[str, Any]:
    """The schema of `policy` or `probes`."""
    model, title = SCHEMAS[name]
    return {"$schema": _BASE, **model.model_json_schema(by_alias=True), "title": title}


def schema_text(name: str) -> str:
    """The schema as the file in docs/schema holds it."""
    return json.dumps(schema(name), indent=2, sort_keys=True) + "\n"
