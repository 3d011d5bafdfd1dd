"""Cache breakpoints, as many as Anthropic takes: clients of other protocols know of no limit.

A breakpoint caches all that stands before it: tools, then system, then the turns. The last one of
tools and system pays in every request of its kind; of the turns the last ones do, since a
conversation grows at its end. Those between are left out where there are too many.
"""

from typing import Any, Final

MOST: Final = 4  # of one request, that of the whole request included
_CONTROL: Final = "cache_control"
_Place = tuple[list[Any], int]


def fit_breakpoints(body: dict[str, Any]) -> bool:
    """Leave out what is too much, in the lists of the body; return whether anything was."""
    fixed = [*_places(body.get("tools")), *_places(body.get("system"))]
    moving = [
        place for message in body["messages"] for place in _places(message["content"], deep=True)
    ]
    room = MOST - (_CONTROL in body)
    if len(fixed) + len(moving) <= room:
        return False
    last = fixed[-1:]
    kept = last + moving[len(moving) - min(len(moving), room - len(last)) :]
    more = room - len(kept)
    kept += fixed[-1 - more : -1]
    named = {(id(where), at) for where, at in kept}
    for where, at in (*fixed, *moving):
        if (id(where), at) not in named:
            where[at] = {name: held for name, held in where[at].items() if name != _CONTROL}
    return True


def _places(blocks: Any, *, deep: bool = False) -> list[_Place]:
    """Where breakpoints stand, in order; `deep`: in the results of tools too."""
    places: list[_Place] = []
    for at, block in enumerate(blocks if isinstance(blocks, list) else ()):
        if deep and block["type"] == "tool_result":
            places += _places(block.get("content"))
        if _CONTROL in block:
            places.append((blocks, at))
    return places
