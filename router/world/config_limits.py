"""The sections of turnout.yaml about the edge: what it accepts, how long it waits, who may call."""

from typing import Final

from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from policies.language.fields import Duration
from policies.pii.budget import BUDGET
from router.world.config_presidio import PresidioSection
from router.world.config_values import Networks, Origins, Size, wrong
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
    readings_per_minute: int = Field(default=60, ge=0)  # of limits and usage, of each key


class ConnectionSection(Section):
    """Who may come in without a key: connections, their heads, and wrong keys of an address."""

    most: int = Field(default=10_000, gt=0)  # of each worker
    each_address: int = Field(default=2_000, ge=0)
    head: Size = 65_536
    head_timeout: Duration = 10.0
    # Longer than clients and load balancers keep a connection (a minute is usual): whoever closes
    # first must be who sends requests, or one gets lost on a connection that is just being closed.
    idle: Duration = 75.0
    wrong_keys: int = Field(default=60, ge=0)  # of an address, a minute
    trusted_proxies: Networks = ()


class DetectorSection(Section):
    """What the detectors of private data may read of one request, and for how long."""

    bytes: Size = BUDGET.bytes
    microseconds: PositiveInt = BUDGET.microseconds
    threads: int = Field(default=2, ge=1, le=64)
    presidio: PresidioSection | None = None  # reads what these find nothing in


class StreamSection(Section):
    """How long a client that awaits a stream gets no byte, and one that is behind takes none."""

    head_after: Duration = 4.0
    keepalive: Duration = 15.0
    unread: Duration = 60.0


class StopSection(Section):
    """How a gateway stops: how long it says so before it takes nothing new, and takes in all."""

    notice: Duration | None = 5.0
    drain: Duration = 600.0


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
