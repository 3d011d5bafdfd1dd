"""`credentials` of a backend: what may stand there, what presets add, what is told at the start."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from policies.findings import DocumentError
from router.backends.backend import Backend
from router.backends.credentials.specs import AwsKeys, EntraIdentity, GoogleAccount
from router.backends.health.health import HealthBoard
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.cli.check import check
from router.world.config_load import load_config

SECRET = "hunter2-hunter2"
ENVIRON = {"SECRET": SECRET}
OWN = "base_url: https://api.example.com/v1"
BEDROCK = "provider: bedrock\n    region: eu-central-1"
MANTLE = "provider: bedrock-anthropic\n    region: us-east-1"


def backend_of(text: str, *, model: str = "m", at: str = "turnout.yaml") -> Backend:
    price = "price: {input: 1, output: 2}"
    whole = f"version: 1\nbackends:\n  b:\n    model: {model}\n    {price}\n    {text}\n"
    return load_config(whole, at, ENVIRON).backends["b"]


def findings_of(text: str, at: str = "turnout.yaml") -> str:
    with pytest.raises(DocumentError) as caught:
        backend_of(text, at=at)
    return "\n".join(f"{one.line}: {one.message}; {one.hint}" for one in caught.value.findings)


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        (OWN, None),
        (f"{BEDROCK}\n    api_key: ${{SECRET}}", None),
        (BEDROCK, AwsKeys("eu-central-1", "bedrock")),
        (MANTLE, AwsKeys("us-east-1", "bedrock-mantle")),
        (
            f"{OWN}\n    credentials: {{aws: {{region: us-east-1, service: execute-api}}}}",
            AwsKeys("us-east-1", "execute-api"),
        ),
        (
            f"{BEDROCK}\n    credentials: {{aws: {{access_key_id: A, secret_access_key: "
            "'${SECRET}'}}",
            AwsKeys("eu-central-1", access_key_id="A", secret_access_key=SECRET),
        ),
        (f"{OWN}\n    credentials: {{entra: {{}}}}", EntraIdentity()),
        (
            f"{OWN}\n    credentials: {{entra: {{tenant_id: t, client_id: c, client_secret: "
            "'${SECRET}', authority: 'https://login.example.com/'}}",
            EntraIdentity(EntraIdentity().scope, "t", "c", SECRET, "https://login.example.com"),
        ),
        (f"{OWN}\n    provider: vertex", GoogleAccount()),
    ],
)
def test_credentials_are_what_is_said_or_what_the_preset_says(
    text: str, credentials: object
) -> None:
    backend = backend_of(text)
    assert backend.credentials == credentials
    assert SECRET not in repr(backend)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{BEDROCK}\n    api_key: k\n    credentials: {{aws: {{}}}}", "both a key and `cred"),
        (f"{OWN}\n    credentials: {{}}", "not one kind"),
        (f"{OWN}\n    credentials: {{aws: {{region: x}}, entra: {{}}}}", "not one kind"),
        (f"{OWN}\n    credentials: {{aws: {{}}}}", "`credentials.aws` has no region"),
        (f"{OWN}\n    credentials: {{azure: {{}}}}", "unknown key `azure`"),
        (f"{OWN}\n    credentials: {{aws: {{region: 'EU west'}}}}", "`region` is not a region"),
        (f"{BEDROCK}\n    credentials: {{aws: {{access_key_id: A}}}}", "has half a key"),
        (f"{BEDROCK}\n    credentials: {{aws: {{profile: missing}}}}", "profile"),
        (f"{OWN}\n    credentials: {{entra: {{client_secret: s}}}}", "add tenant_id and client_id"),
        (f"{OWN}\n    credentials: {{entra: {{tenant_id: t}}}}", "no client_secret"),
        (
            f"{OWN}\n    credentials: {{entra: {{tenant_id: 't t', client_id: c, "
            "client_secret: s}}",
            "tenant",
        ),
        (f"{OWN}\n    credentials: {{entra: {{authority: 'http://x'}}}}", "not the address of an"),
        (f"{OWN}\n    credentials: {{google: {{service_account: no.json}}}}", "cannot be read"),
        ("provider: bedrock", "`b` has no region; write region, or base_url"),
        ("provider: azure", "https://RESOURCE.openai.azure.com/openai/v1"),
        (f"{OWN}\n    key_header: 'a b'", "`key_header` is not the name of a header"),
        (f"{OWN}\n    query: {{a: 1}}", "`query` is not a query"),
    ],
)
def test_what_cannot_be_used_is_told_at_its_line(text: str, words: str) -> None:
    report = findings_of(text)
    assert words in report
    assert not report.startswith("1:")


@pytest.mark.parametrize("account", [{}, {"type": "authorized_user"}, {"private_key": SECRET}])
def test_a_file_that_is_no_service_accounts_is_told_without_its_text(
    tmp_path: Path, account: dict[str, str]
) -> None:
    (tmp_path / "account.json").write_text(json.dumps(account))
    text = f"{OWN}\n    credentials: {{google: {{service_account: account.json}}}}"
    report = findings_of(text, at=str(tmp_path / "turnout.yaml"))
    assert "`credentials.google` is not the file of a service account" in report
    assert SECRET not in report


@pytest.mark.parametrize(
    ("kind", "package", "modules", "extra"),
    [
        ("aws", "botocore", ("botocore", "botocore.auth"), "bedrock"),
        ("entra", "azure-identity", ("azure.identity",), "azure"),
        ("google", "google-auth", ("google.auth",), "vertex"),
    ],
)
def test_a_package_that_is_missing_is_told_with_the_command_that_installs_it(
    kind: str,
    package: str,
    modules: tuple[str, ...],
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, f"router.backends.credentials.{kind}", raising=False)
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)  # as Python marks what is not there
    region = "region: us-east-1" if kind == "aws" else ""
    report = findings_of(f"{OWN}\n    credentials: {{{kind}: {{{region}}}}}")
    assert f"`credentials.{kind}` needs {package}, which is not installed" in report
    assert f"pip install 'turnout[{extra}]'" in report


async def test_a_backend_with_a_key_is_asked_by_the_client_itself() -> None:
    client = HttptoolsTransport()
    board = HealthBoard(None, None, client)  # type: ignore[arg-type]
    [state] = board.of(Backend("b", "https://host/v1", "m", api_key="k")).deployments
    assert state.client is client  # nothing stands between, and nothing is asked a request
    signed = Backend("s", "https://host/v1", "m", credentials=AwsKeys("us-east-1"))
    [state] = board.of(signed).deployments
    assert state.client is not client
    await client.close()


async def test_backends_with_the_same_credentials_share_one_token() -> None:
    board = HealthBoard(None, None, HttptoolsTransport())  # type: ignore[arg-type]
    same = [Backend(n, "https://h/v1", "m", credentials=AwsKeys("us-east-1")) for n in ("a", "b")]
    first, second = (board.of(backend).deployments[0].authorizer for backend in same)
    assert first is second is not None


def test_a_key_may_stand_in_another_header_and_a_query_behind_every_address() -> None:
    azure = backend_of(
        "provider: azure\n    base_url: https://r.openai.azure.com/openai/deployments/d\n"
        "    query: {api-version: '2024-10-21'}\n    api_key: k"
    )
    assert (azure.key_header, azure.query) == ("api-key", (("api-version", "2024-10-21"),))
    assert backend_of(f"{OWN}\n    key_header: Ocp-Apim-Subscription-Key").key_header is not None


def test_a_region_stands_in_the_address_of_a_preset_that_has_one_for_it() -> None:
    assert backend_of(BEDROCK).base_url == (
        "https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1"
    )
    private = backend_of(f"{BEDROCK}\n    base_url: https://vpce-1.example.com/openai/v1")
    assert private.base_url == "https://vpce-1.example.com/openai/v1"
    assert private.credentials == AwsKeys("eu-central-1")


def test_the_check_names_the_backends_that_are_asked_with_more_than_a_key(tmp_path: Path) -> None:
    config = tmp_path / "turnout.yaml"
    price = "price: {input: 1, output: 2}"
    keys = {"local": "api_key: k", "moe": "credentials: {entra: {}}"}
    keys["premium"] = "credentials: {aws: {region: us-east-1}}"
    backends = "".join(
        f"  {name}: {{base_url: 'https://h.example', model: m, ability: {name}, {price}, {key}}}\n"
        for name, key in keys.items()
    )
    config.write_text(f"version: 1\nbackends:\n{backends}")
    result = CliRunner().invoke(check, ["--config", str(config)])
    assert result.exit_code == 0, result.output
    assert "credentials: moe by entra, premium by aws" in result.output
