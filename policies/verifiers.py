"""The checks that a cascade may name: name -> what is wrong with an answer that fails it.

The checks themselves are functions in `router.backends.cascade.verifiers`, which are compared with
these names at import. Plugins add their own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies import plugins

VERIFIERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_empty": "no text and no tool call",
        "not_refusal": "it begins with a refusal, or was filtered",
        "not_truncated": "it ran into a limit that the client did not set",
        "json_schema": "it does not fit the schema that was asked for",
        "valid_json": "JSON was asked for, and it is none",
        "tool_calls": "an unknown tool, broken or unfitting arguments, or none although required",
        "code_parses": "a Python or JSON block that does not parse",
        "confident": "mean log-probability under -1.2, where the backend reports it",
        **dict.fromkeys(plugins.names(plugins.VERIFIERS), "a plugin says so"),
    }
)
