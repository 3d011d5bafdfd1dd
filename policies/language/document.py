"""The policy document: keys, types, bounds. `policies.language.compiler` gives them meaning."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from policies.hints import HINTS
from policies.language.fields import (
    Count,
    Duration,
    Name,
    Names,
    OneOf,
    Probability,
    Strict,
    Usd,
    unique,
)
from policies.language.limits import LimitsDoc, RunDoc
from policies.objectives import OBJECTIVES
from policies.redaction import KINDS
from policies.verifiers import VERIFIERS

# What a tier may ask every request to say.
REQUIREMENTS: Final = ("user", "run")
_LONGEST_WAIT: Final = 300  # seconds of a request in a queue
Objective = Annotated[str, OneOf(OBJECTIVES)]
Check = Annotated[str, OneOf(VERIFIERS)]
Requirement = Annotated[str, OneOf(REQUIREMENTS)]
HintName = Annotated[str, OneOf(HINTS)]
Kind = Annotated[str, OneOf(KINDS)]


class Capable(Strict):
    """Who counts as able: P(success) of at least `min_success`, or near enough to the best."""

    min_success: Probability | None = Field(None, description="P(success) that is enough.")
    max_regret: Probability | None = Field(
        None, description="or P(success) within this distance of the best candidate's."
    )


class CascadeDoc(Strict):
    """Try a cheaper backend first; keep its answer only if it passes the checks."""

    verify: Annotated[list[Check], BeforeValidator(unique), Field(min_length=1)] = Field(
        examples=[["not_empty", "not_refusal"]], description="Checks an answer must pass."
    )
    max_steps: Annotated[int, Field(ge=2, le=4)] = Field(2, description="Backends tried at most.")
    verifier_cost: Usd | None = Field(None, description="USD that checking one answer costs.")
    judge: Name | None = Field(
        None,
        examples=["premium"],
        description="A candidate that is asked about answers which passed every check.",
    )


class Settings(Strict):
    """What routes, tiers, aliases and rules may set; the later of these wins, key by key."""

    objective: Objective | None = Field(None, description="How a backend is chosen.")
    capable: Capable | None = None
    failure_cost: Usd | None = Field(None, description="USD that a failed answer costs you.")
    max_cost: Usd | None = Field(None, description="No backend expected to cost more, in USD.")


class RouteSettings(Settings):
    """Settings that name backends."""

    when_unknown: Name | None = Field(
        None, description="The backend to use when the classifier was late or broken."
    )
    cascade: CascadeDoc | Literal["off"] | None = Field(
        None,
        examples=[{"verify": ["not_empty", "not_refusal"]}],
        description="`off` in a rule ends one.",
    )
    sticky: Literal["conversation", "off"] | None = Field(
        None,
        examples=["conversation"],
        description="Stay with the backend that served this conversation last.",
    )
    weights: (
        Annotated[dict[Name, Annotated[int, Field(ge=0, le=1_000_000)]], Field(min_length=2)] | None
    ) = Field(None, description="Share traffic of these candidates; stable per conversation.")


class RedactDoc(Strict):
    """What is replaced by placeholders in what leaves, and put back in the answer."""

    kinds: Annotated[list[Kind], BeforeValidator(unique), Field(min_length=1)] | None = Field(
        None, examples=[["email", "phone", "secret"]], description="These alone; all, if left out."
    )
    except_: Names | None = Field(
        None,
        alias="except",
        examples=[["local"]],
        description="Candidates that are sent the request as it came.",
    )
    restore: bool = Field(
        True, description="Whether the client is answered with its own values, not placeholders."
    )


def _redact(value: Any) -> Any:
    """`redact: true` is short for all kinds, `redact: [email]` for these."""
    if value is True:
        return {}
    return {"kinds": value} if isinstance(value, list) else value


RedactEntry = Annotated[
    RedactDoc,
    BeforeValidator(_redact, json_schema_input_type=Literal[True] | list[Kind] | RedactDoc),
]


class RuleDoc(RouteSettings):
    """One rule: when its condition holds, it narrows, sets, or ends."""

    name: Name = Field(examples=["private-stays-home"])
    when: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None, description="A condition in CEL; always, if left out."
    )
    only: Names | None = Field(
        None, examples=[["local"]], description="Hard constraint: none but these."
    )
    except_: Names | None = Field(None, alias="except", description="Hard constraint: not these.")
    deny: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, examples=["Not on this plan."], description="Refuse, with this message to the client."
    )
    fixed: Name | None = Field(None, description="Use this backend and look no further.")
    shadow: Literal["off"] | None = Field(None, description="No shadow copy of these requests.")
    redact: RedactEntry | None = Field(
        None,
        examples=[["email", "phone", "secret"]],
        description="Hard constraint: private data is replaced in what leaves.",
    )


class RouteDoc(RouteSettings):
    """What a client puts in `model`, and how it is served."""

    description: str | None = None
    candidates: Names = Field(examples=[["local", "moe", "premium"]])
    fixed: Name | None = Field(None, description="The backend of `objective: fixed`.")
    redact: RedactEntry | None = Field(
        None,
        examples=[["email", "phone", "secret"]],
        description="Private data is replaced in what leaves; rules may add to it.",
    )
    rules: list[RuleDoc] = Field([], max_length=2_000)


class AliasDoc(Settings):
    """Another name for a route, with its own settings if it has any."""

    route: Name = Field(examples=["auto"])
    only: Names | None = None
    except_: Names | None = Field(None, alias="except")


class BoundedDoc(Strict):
    """While the ledger is away, serve up to this share of each quota."""

    bounded: Probability = Field(examples=[0.1])


def _route(value: Any) -> Any:
    """`gpt-4o: auto` is short for `gpt-4o: {route: auto}`."""
    return {"route": value} if isinstance(value, str) else value


AliasEntry = Annotated[AliasDoc, BeforeValidator(_route, json_schema_input_type=Name | AliasDoc)]


def _patience(seconds: float) -> float:
    if seconds > _LONGEST_WAIT:
        hint = {"hint": "write at most 5m: clients give up sooner, and try again"}
        raise PydanticCustomError("wrong_value", "is longer than five minutes", hint)
    return seconds


class QueueDoc(Strict):
    """Wait for a limit that frees up again, instead of being refused."""

    max_wait: Annotated[Duration, AfterValidator(_patience)] = Field(
        examples=["20s"], description="At most five minutes."
    )
    most: Count = Field(100, description="How many requests of one key wait at once, at most.")


class ExhaustedDoc(Strict):
    """What becomes of a request for which the limits of its tier leave no room."""

    downgrade: Names | None = Field(
        None,
        examples=[["local"]],
        description="Where a budget is used up: backends that serve nevertheless.",
    )
    limits: LimitsDoc | None = Field(
        None, description="Of what is downgraded, for each organization, counted apart."
    )
    queue: QueueDoc | None = Field(
        None, description="Where a limit per second or minute, or `concurrency`, is reached: wait."
    )


class TierDoc(LimitsDoc, Settings):
    """Who may have what: quotas of the customer, and the tier's part in routing."""

    description: str | None = None
    priority: Literal["low", "normal", "high"] = "normal"
    routes: Names | None = Field(None, description="Routes this tier may use; all, if left out.")
    backends: Names | None = Field(None, description="Hard constraint: none but these.")
    hints: Annotated[list[HintName], BeforeValidator(unique)] | None = Field(
        None,
        description=f"Request headers obeyed: {', '.join(HINTS)}; default all.",
    )
    per_key: LimitsDoc | None = None
    per_user: LimitsDoc | None = None
    per_team: LimitsDoc | None = None
    per_model: LimitsDoc | None = None
    per_run: RunDoc | None = None
    when_exhausted: Annotated[
        ExhaustedDoc | Literal["deny"], Field(examples=[{"downgrade": ["local"]}])
    ] = "deny"
    outage: Annotated[BoundedDoc | Literal["closed"], Field(examples=[{"bounded": 0.1}])] = "closed"
    require: Annotated[list[Requirement], BeforeValidator(unique)] | None = Field(
        None,
        examples=[["user"]],
        description="What every request must say: user, its end user; run, the run of its agent.",
    )
    store: bool = Field(
        True, description="Whether the gateway keeps responses of this tier, where it keeps any."
    )
    guaranteed_share: dict[Name, Probability] | None = Field(
        None, description="Share of a backend's capacity kept for this tier."
    )
    timezone: str | None = Field(
        None, description="Where its calendar windows begin; the policy's timezone if left out."
    )
    billing_month: Annotated[int, Field(ge=1, le=12)] | None = Field(
        None, description="Month in which its years begin, on `billing_day`; January if left out."
    )
    billing_day: Annotated[int, Field(ge=1, le=28)] | None = Field(
        None, description="Day of the month on which its months begin; the first if left out."
    )


class ShadowDoc(Strict):
    """Audit quality on a share of traffic."""

    share: Probability = Field(examples=[0.01])
    to: Name = Field(examples=["premium"])
    judge: Name = Field(examples=["premium"])


class PolicyDoc(Strict):
    """A policy: who may have what, at what cost and quality."""

    version: Literal[1] = Field(examples=[1])
    description: str | None = None
    timezone: str = Field("UTC", description="Time zone of `clock` and of calendar windows.")
    routes: Annotated[dict[Name, RouteDoc], Field(min_length=1)] = Field(
        examples=[{"auto": {"candidates": ["local", "premium"]}}]
    )
    aliases: dict[Name, AliasEntry] = Field({})
    tiers: dict[Name, TierDoc] = Field({})
    shadow: ShadowDoc | None = None
