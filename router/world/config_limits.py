"""The sections of turnout.yaml about the edge: what it accepts, how long it waits, who may call."""

from typing import Final

from pydantic import Field, ValidationInfo, field_validator

from router.world.config_values import Duration, Origins, Size, wrong
from router.world.section import Section

ANY: Final = "*"  # an origin


class LimitSection(Section):
    """What the edge accepts of one request."""

    body: Size = 32_000_000
    body_timeout: Duration = 30.0
    bodies: Size | None = None  # of all on their way; None: a part of `memory`
    bodies_wait: Duration = 5.0
    memory: Size | None = None  # None: what the machine, or its container, has
    counts_per_minute: int = Field(default=120, ge=0)


class StreamSection(Section):
    """How long a client that awaits a stream gets no byte."""

    head_after: Duration = 4.0
    keepalive: Duration = 15.0


class WebSocketSection(Section):
    """How long a WebSocket stays open; bytes of responses that it, and all together, remember."""

    lifetime: Duration = 3600.0
    idle: Duration = 600.0
    memory: Size = 16_000_000
    total_memory: Size = 500_000_000


class CorsSection(Section):
    """Which web pages may call from a browser."""

    origins: Origins = ()
    credentials: bool = False
    max_age: Duration = 600.0

    @field_validator("origins")
    @classmethod
    def _any_stands_alone(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if ANY in origins and len(origins) > 1:
            raise wrong("has * beside others", "write * alone, or leave it out")
        return origins

    @field_validator("credentials")
    @classmethod
    def _credentials_go_to_named_origins(
        cls, given: bool, info: ValidationInfo
    ) -> bool:  # pydantic's
        if given and ANY in info.data.get("origins", ()):
            raise wrong("is not for any origin", "name the origins, or leave credentials out")
        return given
