"""The clients: a row each. What a row needs beside it lies in `clients/NAME/`: lock and driver."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from router.children.llamacpp import MODEL as REAL

CHAT: Final = ("say", "stream", "tools", "structured", "vision")
SDK: Final = (*CHAT, "usage", "errors")
EDITS: Final = ("say", "edit")
MODELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chat": "gpt-4o",
        "responses": "gpt-4o",
        "messages": "claude-sonnet-4-5",
        "gemini": "gemini-2.5-flash",
    }
)


@dataclass(frozen=True, slots=True)
class Client:
    """A client in one protocol. `package` is what its version is told of; `folder` holds lock and
    driver, shared by the rows that name it; `kind` is a heading of the page, `over` how it is to
    connect."""

    name: str
    kind: str
    registry: str
    package: str
    folder: str
    protocol: str
    jobs: tuple[str, ...]
    model: str = ""
    over: str = "http"

    @property
    def is_real(self) -> bool:
        """Whether it asks the real small model, not the script."""
        return "model" in self.jobs

    @property
    def asked_model(self) -> str:
        """The model that it asks for: clients judge by the name what a model can do."""
        return self.model or MODELS[self.protocol]


def _rows(
    kind: str,
    registry: str,
    package: str,
    folder: str,
    *,
    jobs: Mapping[str, tuple[str, ...]],
    models: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Client, ...]:
    """One row a protocol; a client of one protocol has its folder's name."""
    return tuple(
        Client(
            folder if len(jobs) == 1 else f"{folder}-{protocol}",
            kind,
            registry,
            package,
            folder,
            protocol,
            done,
            models.get(protocol, ""),
        )
        for protocol, done in jobs.items()
    )


_OPENAI: Final = {"chat": (*SDK, "embed", "complete"), "responses": SDK}
_ANTHROPIC: Final = {"messages": (*SDK, "count")}
_SDKS: Final = "Official SDKs"
_FRAMEWORKS: Final = "Frameworks and libraries"
_AGENTS: Final = "Coding agents"

CLIENTS: Final[tuple[Client, ...]] = (
    *_rows(_SDKS, "PyPI", "openai", "openai-python", jobs=_OPENAI),
    *_rows(_SDKS, "npm", "openai", "openai-node", jobs=_OPENAI),
    Client(
        *("openai-python-websocket", _SDKS, "PyPI", "openai", "openai-python", "responses"),
        ("say", "stream", "tools", "usage", "errors"),
        over="websocket",
    ),
    Client(
        "openai-python-real", _SDKS, "PyPI", "openai", "openai-python", "chat", ("model",), REAL
    ),
    Client("openai-node-real", _SDKS, "npm", "openai", "openai-node", "chat", ("model",), REAL),
    *_rows(_SDKS, "PyPI", "anthropic", "anthropic-python", jobs=_ANTHROPIC),
    *_rows(_SDKS, "npm", "@anthropic-ai/sdk", "anthropic-node", jobs=_ANTHROPIC),
    *_rows(_SDKS, "Go", "github.com/openai/openai-go/v3", "openai-go", jobs=_OPENAI),
    *_rows(_SDKS, "Go", "github.com/anthropics/anthropic-sdk-go", "anthropic-go", jobs=_ANTHROPIC),
    *_rows(_SDKS, "Maven", "openai-java", "openai-java", jobs=_OPENAI),
    *_rows(_SDKS, "Maven", "anthropic-java", "anthropic-java", jobs=_ANTHROPIC),
    *_rows(_SDKS, "crates.io", "async-openai", "async-openai", jobs=_OPENAI),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "langchain",
        "langchain",
        jobs={"chat": (*CHAT, "embed"), "responses": CHAT, "messages": CHAT},
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "llama-index-core",
        "llama-index",
        jobs={"chat": (*CHAT, "embed"), "responses": CHAT, "messages": CHAT},
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "litellm",
        "litellm",
        jobs={"chat": (*SDK, "embed"), "responses": CHAT, "messages": SDK},
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "instructor",
        "instructor",
        jobs={"chat": ("structured",), "messages": ("structured",)},
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "pydantic-ai-slim",
        "pydantic-ai",
        jobs={
            "chat": (*CHAT, "usage"),
            "responses": (*CHAT, "usage"),
            "messages": (*CHAT, "usage"),
        },
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "openai-agents",
        "openai-agents",
        jobs={"chat": CHAT, "responses": CHAT},
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "haystack-ai",
        "haystack",
        jobs={"chat": (*CHAT, "embed"), "responses": CHAT},
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "dspy",
        "dspy",
        jobs={"chat": ("say", "structured", "vision", "embed")},
    ),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "smolagents",
        "smolagents",
        jobs={"chat": ("say", "stream", "tools", "vision")},
    ),
    *_rows(_FRAMEWORKS, "PyPI", "semantic-kernel", "semantic-kernel", jobs={"chat": CHAT}),
    *_rows(
        _FRAMEWORKS,
        "PyPI",
        "llm",
        "llm",
        jobs={"chat": ("say", "tools", "structured", "vision")},
    ),
    *_rows(_FRAMEWORKS, "PyPI", "google-genai", "google-genai", jobs={"gemini": CHAT}),
    *_rows(
        _FRAMEWORKS,
        "npm",
        "ai",
        "ai-sdk",
        jobs={
            "chat": (*CHAT, "usage"),
            "responses": (*CHAT, "usage"),
            "messages": (*CHAT, "usage"),
        },
    ),
    *_rows(
        _FRAMEWORKS,
        "npm",
        "@openai/agents",
        "openai-agents-js",
        jobs={"chat": CHAT, "responses": CHAT},
    ),
    *_rows(_FRAMEWORKS, "npm", "@google/genai", "google-genai-node", jobs={"gemini": CHAT}),
    *_rows(_AGENTS, "npm", "@openai/codex", "codex", jobs={"responses": EDITS}),
    Client(
        *("codex-websocket", _AGENTS, "npm", "@openai/codex", "codex", "responses", EDITS),
        over="websocket",
    ),
    *_rows(_AGENTS, "npm", "@anthropic-ai/claude-code", "claude-code", jobs={"messages": EDITS}),
    *_rows(_AGENTS, "PyPI", "aider-chat", "aider", jobs={"chat": EDITS, "messages": EDITS}),
    *_rows(
        _AGENTS,
        "npm",
        "opencode-ai",
        "opencode",
        jobs={"chat": EDITS, "responses": EDITS, "messages": EDITS},
    ),
    *_rows(_AGENTS, "npm", "@qwen-code/qwen-code", "qwen-code", jobs={"chat": EDITS}),
    *_rows(
        _AGENTS,
        "npm",
        "@continuedev/cli",
        "continue",
        jobs={"chat": EDITS, "messages": EDITS},
    ),
    *_rows(_AGENTS, "npm", "@google/gemini-cli", "gemini-cli", jobs={"gemini": EDITS}),
)
