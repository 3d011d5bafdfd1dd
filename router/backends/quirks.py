"""How an OpenAI-compatible server differs from OpenAI's own: data, never a branch by name.

A quirk is one field here, and obeyed in `router.backends.dialects.quirks`. The catalog's presets
and a backend's section in turnout.yaml have a key for each field by themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a server wants otherwise.

    `token_param` is the one name of the output limit that it takes (None: both are passed on);
    `drop` are parameters it refuses, `rename` those it calls something else, `extra` those to
    send with every request; `values` are words it says otherwise (parameter -> word -> word);
    `stream_options` is whether it knows that parameter. Of messages: `message_drop` are fields it
    refuses, `developer_role` is whether it knows that role, `plain_content` that it wants text as
    a text and not as parts, `short_call_ids` that ids of tool calls have nine letters and digits.
    """

    token_param: str | None = None
    drop: frozenset[str] = frozenset()
    rename: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    stream_options: bool = True
    message_drop: frozenset[str] = frozenset()
    values: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    developer_role: bool = True
    plain_content: bool = False
    short_call_ids: bool = False
    touched: frozenset[str] = field(init=False, compare=False, repr=False, default=frozenset())
    reshapes_messages: bool = field(init=False, compare=False, repr=False, default=False)

    def __post_init__(self) -> None:
        """Find out once what is asked for every request: which parameters may not go on as they
        are (`touched`), and whether messages may not, whatever their roles."""
        touched = {*self.drop, *self.rename, *self.values}
        if not self.stream_options:
            touched.add("stream_options")
        if self.token_param is not None:
            touched |= {"max_tokens", "max_completion_tokens"}
        object.__setattr__(self, "touched", frozenset(touched))
        reshapes = bool(self.message_drop or self.plain_content or self.short_call_ids)
        object.__setattr__(self, "reshapes_messages", reshapes)

    def overridden(self, own: Mapping[str, Any]) -> "Quirks":
        """Return these with a backend's own: sets and mappings are added to, others replaced."""
        changes: dict[str, Any] = {}
        for name, value in own.items():
            preset = getattr(self, name)
            if isinstance(preset, frozenset):
                changes[name] = preset | set(value)
            elif isinstance(preset, Mapping):
                changes[name] = MappingProxyType({**preset, **value})
            else:
                changes[name] = value
        return replace(self, **changes)


OPENAI: Final = Quirks()  # no difference at all
QUIRKS: Final = tuple(each.name for each in fields(Quirks) if each.init)
