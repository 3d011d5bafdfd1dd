"""The sections of turnout.yaml about what is kept: for customers, and in the books."""

from typing import Final

from pydantic import Field, PositiveInt

from policies.language.fields import Duration
from router.world.config_values import Size, StorageKey, Words
from router.world.section import Section


class ResponseSection(Section):
    """Responses that the gateway keeps for its customers: none without a key."""

    keys: tuple[StorageKey, ...] = Field(default=(), strict=False)
    keep: Duration = 30 * 86400.0
    room: Size = 1_000_000_000  # bytes of each organization
    by_default: bool = True
    home: Words = ()
    background: int = Field(default=100, ge=0, le=500)  # at once, at one gateway
    background_each: int = Field(default=20, gt=0)  # of an organization, at all of them


class SecretSection(Section):
    """Keys of the secrets that customers trust us with: the first closes, each of them opens."""

    keys: tuple[StorageKey, ...] = Field(default=(), strict=False)

    def texts(self) -> tuple[str, ...]:
        """Return the keys as they are written."""
        return tuple([key.get_secret_value() for key in self.keys])


class FileSection(Section):
    """Files that customers keep at backends that offer it."""

    size: Size = 512_000_000  # of one
    most: PositiveInt = 1_000  # of each organization
    room: Size = 10_000_000_000  # bytes of each organization
    upload: Duration = 1800.0  # until one is all there
    uploads: PositiveInt = 8  # of each organization, at once at one gateway


class BatchSection(Section):
    """Batches that customers run at backends that offer it."""

    requests: PositiveInt = 50_000  # of one
    most: PositiveInt = 20  # of each organization, that run
    look: Duration = 60.0  # between two looks at one that runs


_DAY: Final = 86_400.0


class RetentionSection(Section):
    """For how long what is stored of requests is kept; None: until somebody deletes it."""

    usage: Duration | None = Field(default=None, ge=35 * _DAY)  # longer than any billing month
    hours: Duration = Field(default=90 * _DAY, ge=_DAY)  # then rollups are left by the day
    days: Duration | None = Field(default=None, ge=366 * _DAY)
    decisions: Duration | None = Field(default=None, ge=_DAY)
    outcomes: Duration | None = Field(default=None, ge=_DAY)
    audit: Duration | None = Field(default=None, ge=_DAY)


class SavingsSection(Section):
    """The books: beside what one backend would have cost each request is priced."""

    baseline: str | None = Field(default=None, min_length=1)
