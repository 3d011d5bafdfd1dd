"""What turnout.yaml may hold: one class a section. See docs/operations.md for the meanings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import (
    Field,
    PositiveInt,
    create_model,
)

from policies.language.fields import Duration, Usd
from router.backends.backend import Capacity, Reach, Timeouts
from router.backends.credentials.specs import CLOUD_PLATFORM, COGNITIVE_SERVICES
from router.protocols.quirks import QUIRKS, Quirks
from router.world.config_admin import AdminSection
from router.world.config_alerts import AlertSection
from router.world.config_identity import Issuers
from router.world.config_kept import (
    BatchSection,
    FileSection,
    ResponseSection,
    RetentionSection,
    SavingsSection,
    SecretSection,
)
from router.world.config_ledger import LedgerServerSection
from router.world.config_limits import (
    ConnectionSection,
    CorsSection,
    DetectorSection,
    LimitSection,
    StopSection,
    StreamSection,
    WebSocketSection,
)
from router.world.config_values import (
    Address,
    Authority,
    BaseUrl,
    Cards,
    CloudRegion,
    CollectorUrl,
    DatabaseUrl,
    Features,
    HeaderName,
    Headers,
    LedgerAddress,
    Offers,
    Operations,
    Proxy,
    Query,
    Replicas,
    Secret,
    Size,
    Words,
)
from router.world.declared import OperationSection
from router.world.price_section import PriceSection
from router.world.section import Section

_WAITS: Final = Timeouts()  # the defaults are in Timeouts
_QUEUE: Final = Capacity(concurrency=1)


def _quirk_key(hint: Any) -> Any:
    """Return the type of a quirk's key: what YAML has for it."""
    if get_origin(hint) is frozenset:
        return Words
    if get_origin(hint) is Mapping:
        mapping: Any = dict
        key, value = get_args(hint)
        return mapping[key, _quirk_key(value)]
    return PositiveInt | None if int in get_args(hint) else hint


if TYPE_CHECKING:  # made at run time from the fields of Quirks
    _QuirkKeys = Section
else:
    _QuirkKeys = create_model(
        "_QuirkKeys",
        __base__=Section,
        **{
            name: (_quirk_key(hint), None)
            for name, hint in get_type_hints(Quirks).items()
            if name in QUIRKS
        },
    )


class TimeoutSection(Section):
    """How long a backend may take for each step."""

    connect: Duration = _WAITS.connect
    first_byte: Duration = _WAITS.first_byte
    between_chunks: Duration = _WAITS.between_chunks
    total: Duration = _WAITS.total
    bytes_per_second: int = Field(default=_WAITS.bytes_per_second, ge=0)
    after_disconnect: Duration = _WAITS.after_disconnect


class CapacitySection(Section):
    """How much a scarce backend takes: requests running, requests waiting, and for how long."""

    concurrency: int = Field(gt=0)
    queue: int = Field(default=_QUEUE.queue, ge=0)
    max_wait: Duration = _QUEUE.max_wait
    load_url: BaseUrl | None = None
    shared: bool = False


class EnergySection(Section):
    """What a backend consumes: joules a token, or watts while it is busy, and who says so."""

    joules_per_output_token: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    joules_per_input_token: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    watts: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    source: Literal["declared", "measured"] = "declared"


class AwsSection(Section):
    """AWS's keys; without them its own chain finds some: environment, files, roles."""

    region: CloudRegion | None = None
    service: str | None = Field(default=None, min_length=1)
    profile: str | None = Field(default=None, min_length=1)
    access_key_id: str | None = Field(default=None, min_length=1)
    secret_access_key: Secret | None = None
    session_token: Secret | None = None


class EntraSection(Section):
    """An application of Microsoft Entra; without a secret Azure's own chain finds an identity."""

    tenant_id: str | None = Field(default=None, min_length=1)
    client_id: str | None = Field(default=None, min_length=1)
    client_secret: Secret | None = None
    scope: str = Field(default=COGNITIVE_SERVICES, min_length=1)
    authority: Authority | None = None


class GoogleSection(Section):
    """A service account's file; without it the application default credentials."""

    service_account: str | None = Field(default=None, min_length=1)
    scope: str = Field(default=CLOUD_PLATFORM, min_length=1)


class CredentialSection(Section):
    """What authorizes calls instead of a key: one of the three."""

    aws: AwsSection | None = None
    entra: EntraSection | None = None
    google: GoogleSection | None = None


class BackendSection(_QuirkKeys):
    """One model server. What is left out comes from the `provider`'s preset, where there is one."""

    provider: str | None = None
    region: str | None = None
    base_url: BaseUrl | None = None
    model: str = Field(min_length=1)
    dialect: str | None = None
    api_key: Secret | None = None
    api_keys: tuple[Secret, ...] = Field(default=(), strict=False)
    replicas: Replicas = ()
    ability: str | None = Field(default=None, min_length=1)
    price: PriceSection | None = None
    priced_as: str | None = Field(default=None, min_length=1)
    reported_cost: bool | None = None
    service_tier: Literal["standard", "flex", "priority", "fast", "batch"] = "standard"
    context_window: int | None = Field(default=None, gt=0)
    max_output_tokens: int | None = Field(default=None, gt=0)
    supports: Features | None = None
    serves: Operations | None = None
    offers: Offers = ()
    speaks: Words | None = None
    counts: str | None = None
    state: Literal["refused", "shared"] = "refused"
    expected_output_tokens: int = Field(default=400, gt=0)
    expected_reasoning_tokens: int = Field(default=0, ge=0)
    on_disconnect: Literal["close", "finish"] = "close"
    timeouts: TimeoutSection = TimeoutSection()
    capacity: CapacitySection | None = None
    hedge_after: Duration | None = None
    energy: EnergySection | None = None
    proxy: Proxy | None = None
    http2: bool = False
    reach: Reach = "auto"
    compressed_answers: bool = False
    key_header: HeaderName | None = None
    query: Query = Field(default={}, strict=False)
    credentials: CredentialSection | None = None
    simulated: bool = False


class ClassifierSection(Section):
    """The prompt classifier."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    deadline: Duration = 0.02
    cards: Cards = ()
    refit_every: Duration | None = 3600.0
    refit_from: int = Field(default=200, ge=45)


class DecisionSection(Section):
    """Where the decision log goes, and which decisions the database keeps for how long."""

    to: str = Field(default="off", min_length=1)  # off, stdout, or a file below the data folder
    rotate: Size = 100_000_000
    keep: int = Field(default=5, ge=0)
    store: Literal["all", "denied", "off"] = "all"  # denied: what was refused, or failed
    store_for: Duration = 7 * 86_400.0


class TraceSection(Section):
    """Where traces go, and of which requests: a share, and what failed or was slow."""

    to: CollectorUrl
    sample: float = Field(default=0.01, ge=0, le=1, allow_inf_nan=False)
    failed_per_minute: int = Field(default=60, ge=0)
    slow: Duration | None = 30.0
    join: bool = True
    headers: Headers = Field(default={}, repr=False)
    service: str = Field(default="turnout", min_length=1)


class TelemetrySection(Section):
    """What is sent to others about requests."""

    traces: TraceSection | None = None


class OutcomeSection(Section):
    """What is kept for feedback and recalibration: numbers; text only where `prompts` is on."""

    keep: int = Field(default=200_000, gt=0)
    prompts: bool = False


class AuditSection(Section):
    """What shadow audits may spend."""

    usd_per_day: Usd = 1_000_000_000_000


class Config(Section):
    """All of turnout.yaml."""

    version: Literal[1]
    listen: Address = "127.0.0.1:8080"
    policy: str = Field(default="balanced", min_length=1)
    ledger: LedgerAddress = Field(default="embedded", repr=False)
    ledger_server: LedgerServerSection = LedgerServerSection()
    data: str = Field(default=".turnout", min_length=1)
    database: DatabaseUrl | None = None
    prices: str | None = Field(default=None, min_length=1)
    backends: dict[str, BackendSection] = Field(min_length=1)
    classifier: ClassifierSection = ClassifierSection()
    limits: LimitSection = LimitSection()
    connections: ConnectionSection = ConnectionSection()
    detectors: DetectorSection = DetectorSection()
    stream: StreamSection = StreamSection()
    stop: StopSection = StopSection()
    core_dumps: bool = False
    websocket: WebSocketSection = WebSocketSection()
    cors: CorsSection = CorsSection()
    transport: Literal["httptools", "httpx"] = "httptools"
    estimate: Literal["expected", "worst", "chunk"] = "expected"
    decisions: DecisionSection = DecisionSection()
    outcomes: OutcomeSection = OutcomeSection()
    telemetry: TelemetrySection = TelemetrySection()
    responses: ResponseSection = ResponseSection()
    operations: dict[str, OperationSection] = Field(default={})
    files: FileSection = FileSection()
    batches: BatchSection = BatchSection()
    audits: AuditSection = AuditSection()
    savings: SavingsSection = SavingsSection()
    retention: RetentionSection = RetentionSection()
    alerts: AlertSection | None = None
    identity: Issuers = ()
    secrets: SecretSection = SecretSection()
    admin: AdminSection | None = None
