"""What is wrong with a change of customers, told so that a client can mend it.

    CustomerError
    ├── Invalid   a value that cannot be kept
    ├── Missing   there is no such organization, team or key
    ├── Exists    there is one already
    ├── Conflict  somebody else changed it meanwhile
    └── NoKey     what would have to be encrypted, or opened, has no key here

Whatever is raised, nothing was changed.
"""


class CustomerError(Exception):
    """`field` is the path of what is wrong (`limits.per_key.tokens_per_day`), `message` says what,
    and fits behind the field's name or alone."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


class Invalid(CustomerError):
    """A value that cannot be kept."""


class Missing(CustomerError):
    """There is no such organization, team or key."""


class Exists(CustomerError):
    """There is one already."""


class Conflict(CustomerError):
    """It is not of the version that was expected; `version` is the one that is there."""

    def __init__(self, version: int) -> None:
        super().__init__("version", f"was changed meanwhile: it is of version {version} now")
        self.version = version


class NoKey(CustomerError):
    """`secrets.keys` of turnout.yaml has no key that closes or opens this."""
