"""The section of turnout.yaml about alerts: of what, and to whom."""

import base64
import binascii
import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, SecretStr, model_validator

from policies.language.fields import Duration, Usd
from router.world.config_values import Secret, Words, wrong
from router.world.section import Section

PREFIX: Final = "whsec_"
LEAST_SECRET, MOST_SECRET = 24, 64  # bytes, as Standard Webhooks ask for
FAMILIES: Final = ("budget", "balance", "backend", "ledger", "classifier", "key")
_URL: Final = re.compile(r"https?://[^\s#/@?]+(/[^\s#]*)?")
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}")
_SERVER: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
_DAY: Final = 86400.0


def _url(value: Any) -> Any:
    if not isinstance(value, str) or not value.isascii() or _URL.fullmatch(value) is None:
        raise wrong(
            "is not the address of a webhook", "write https://host/path, without user or password"
        )
    return value


def _signing(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(PREFIX):
        try:
            size = len(base64.b64decode(value.removeprefix(PREFIX), validate=True))
        except binascii.Error:
            size = 0
        if LEAST_SECRET <= size <= MOST_SECRET:
            return value
    raise wrong(
        "is no secret to sign webhooks with",
        "write ${ALERT_SECRET}, and set it to what `echo whsec_$(openssl rand -base64 32)` says",
    )


def _mail(value: Any) -> Any:
    if not isinstance(value, str) or _MAIL.fullmatch(value) is None:
        raise wrong("is not an e-mail address", "write the address alone: ops@example.com")
    return value


def _server(value: Any) -> Any:
    if not isinstance(value, str) or _SERVER.fullmatch(value) is None:
        raise wrong("is not a mail server", "write host:port: smtp.example.com:587")
    return value


def _thresholds(value: Any) -> Any:
    numbers = isinstance(value, list) and all(
        isinstance(each, int) and not isinstance(each, bool) and 1 <= each <= 100 for each in value
    )
    if not numbers:
        raise wrong("are no thresholds", "write percents from 1 to 100: [50, 80, 100]; [] for none")
    return tuple(sorted(set(value)))


def _families(value: Any) -> Any:
    if not isinstance(value, list) or not value or not set(FAMILIES).issuperset(map(str, value)):
        raise wrong("names something unknown", f"known: {', '.join(FAMILIES)}")
    return tuple(value)


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


HookUrl = Annotated[SecretStr, BeforeValidator(_url)]
SigningSecret = Annotated[SecretStr, BeforeValidator(_signing)]
MailAddress = Annotated[str, BeforeValidator(_mail)]
Thresholds = Annotated[tuple[int, ...], BeforeValidator(_thresholds)]


class MailSection(Section):
    """A mail server, and who writes to whom."""

    server: Annotated[str, BeforeValidator(_server)]
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = Field(default=None, min_length=1)
    password: Secret | None = None
    sender: MailAddress
    recipients: Annotated[tuple[MailAddress, ...], BeforeValidator(_listed)] = Field(min_length=1)

    @model_validator(mode="after")
    def _logs_in_whole_and_unseen(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise wrong("has a user or a password alone", "write both, or neither")
        if self.user is not None and self.tls == "none":
            raise wrong("would send its password for all to read", "write tls: starttls, or tls")
        return self


class DestinationSection(Section):
    """Where alerts go: a webhook with its secrets, a webhook as Slack has them, or mail."""

    webhook: HookUrl | None = None
    secrets: Annotated[tuple[SigningSecret, ...], BeforeValidator(_listed)] = ()
    slack: HookUrl | None = None
    mail: MailSection | None = None
    only: Annotated[tuple[str, ...], BeforeValidator(_families)] = FAMILIES
    organizations: Words | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if sum(each is not None for each in (self.webhook, self.slack, self.mail)) != 1:
            raise wrong("is no destination", "write one of webhook, slack and mail")
        if self.webhook is not None and not self.secrets:
            raise wrong(
                "has no secret, so nobody could tell who sends its webhooks",
                "write secrets: [${ALERT_SECRET}], as `echo whsec_$(openssl rand -base64 32)` says",
            )
        if self.webhook is None and self.secrets:
            raise wrong("has secrets, and nothing that is signed", "leave `secrets` out")
        return self


class ThresholdSection(Section):
    """The thresholds of one tier, or of one customer."""

    thresholds: Thresholds


class AlertSection(Section):
    """What is told to whom, when a budget, a backend, the ledger or a key wants attention."""

    to: dict[str, DestinationSection] = Field(default={})
    thresholds: Thresholds = (50, 80, 100)
    tiers: dict[str, ThresholdSection] = Field(default={})
    organizations: dict[str, ThresholdSection] = Field(default={})
    forecast: bool = True
    balance_below: Annotated[tuple[Usd, ...], BeforeValidator(_listed)] = ()
    keys_before: Annotated[tuple[Duration, ...], BeforeValidator(_listed)] = (7 * _DAY, _DAY)
    after: Duration = 30.0  # for which something is amiss before it is told
    again: Duration = _DAY  # when what is still amiss is told again
    every: Duration = 10.0  # between two looks
    retry_for: Duration = _DAY
    waiting: PositiveInt = 1_000  # of each destination
    keep: Duration = 90 * _DAY
