"""The tools of a response: those that its client runs, flat names for those in namespaces.

Other protocols know no namespaces. There a tool is called by its namespace and its name in one, and
an answer's call is told back in two: both sides read the request's own tools. A search for tools
that the client runs is a function there, and what it found are tools as any others.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from policies.verifier import Wanted
from router.protocols.hub.values import name_of

CLIENT_TOOLS: Final = frozenset(("function", "custom", "namespace"))
SEARCH: Final = "tool_search"  # by this name a client's own search for tools is called
# Searches of the web that OpenAI's servers run, by the types of their tools.
WEB_SEARCHES: Final = frozenset(
    (
        *("web_search", "web_search_2025_08_26"),
        *("web_search_preview", "web_search_preview_2025_03_11"),
    )
)
_ADDING: Final = ("additional_tools", "tool_search_output")  # items that bring tools along
_LONGEST: Final = 64  # characters of a tool's name, as most servers take it
_SEPARATOR: Final = "__"


class Named(NamedTuple):
    """A tool as its client knows it."""

    namespace: str
    name: str
    kind: str


def flat_name(namespace: str, name: str) -> str:
    """One name for both, the same in every turn; it is cut where it would be too long."""
    if not namespace:
        return name
    flat = f"{namespace}{_SEPARATOR}{name}"
    if len(flat) <= _LONGEST:
        return flat
    digest = blake2b(flat.encode(), digest_size=4).hexdigest()
    return f"{flat[: _LONGEST - len(digest) - 1]}_{digest}"


def flat_tools(tools: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every tool with the namespace it stands in, which is empty for most."""
    for tool in tools:
        if tool.get("type") == "namespace":
            namespace = name_of(tool.get("name"))
            for inner in tool.get("tools") or ():
                yield namespace, inner
        else:
            yield "", tool


def all_tools(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tools of a body, those that items of its input add included."""
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    items = body.get("input")
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping) and item.get("type") in _ADDING:
            tools += [tool for tool in item.get("tools") or () if isinstance(tool, Mapping)]
    return tools


def is_search(tool: Mapping[str, Any]) -> bool:
    """Whether this is a search for tools that the client runs."""
    return tool.get("type") == SEARCH and tool.get("execution") == "client"


def searches(body: Mapping[str, Any]) -> bool:
    """Whether a body offers such a search."""
    return any(is_search(tool) for tool in body.get("tools") or () if isinstance(tool, Mapping))


def merely_offered(body: Mapping[str, Any], tools: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a search of the web is one of several things that a model may do: the client runs
    other tools, and demands none. Some clients offer one always (Codex); whoever has nothing else
    to offer, or demands a call, wants the search."""
    choice = body.get("tool_choice")
    demands = choice is not None and choice not in ("auto", "none")
    return not demands and any(tool.get("type") in CLIENT_TOOLS for tool in tools)


def names_of_tools(body: Mapping[str, Any]) -> dict[str, Named]:
    """By their flat names, the tools that stand in a namespace."""
    tools = all_tools(body)
    if not any(tool.get("type") == "namespace" for tool in tools):
        return {}
    return {
        flat_name(namespace, name_of(tool.get("name"))): Named(
            namespace, name_of(tool.get("name")), name_of(tool.get("type"))
        )
        for namespace, tool in flat_tools(tools)
        if namespace
    }


def response_wanted(body: Mapping[str, Any]) -> Wanted:
    """What the answer to a body must fit."""
    text = body.get("text")
    chosen = text.get("format") if isinstance(text, Mapping) else None
    chosen = chosen if isinstance(chosen, Mapping) else {}
    form = chosen.get("type")
    return Wanted(
        form if form in ("json_schema", "json_object") else None,
        chosen.get("schema"),
        {
            SEARCH if is_search(tool) else flat_name(namespace, name_of(tool.get("name"))): (
                tool.get("parameters")
            )
            for namespace, tool in flat_tools(all_tools(body))
            if "name" in tool or is_search(tool)
        },
        body.get("tool_choice") == "required",
    )
