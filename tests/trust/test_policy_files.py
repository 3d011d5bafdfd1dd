"""Documents made to hurt, and what becomes of a gateway whose documents change under it."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from classifiers.artifact import ArtifactError
from classifiers.cards.card_format import read_card
from policies.findings import DocumentError
from policies.policy import load
from router.backends.credentials.google import GoogleTokens
from router.backends.credentials.specs import GoogleAccount
from router.backends.credentials.table import WrongCredentials
from router.ledger.server.address import AddressError, parse_address
from router.prices.list_files import ListError, parsed
from router.prices.price_list import read_list
from router.private_files import AppendedFile
from router.telemetry.metrics import Metrics
from router.world.documents import read_documents
from router.world.reload import Reloader
from router.world.snapshot import compile_snapshot

ROUTE = "version: 1\nroutes:\n  auto: {{candidates: [b], objective: fixed}}\n{more}"
CONFIG = """
version: 1
policy: {policy}
backends: {{b: {{base_url: "http://h/v1", model: m, price: {{input: 1, output: 1}}}}}}
"""


def refused(more: str) -> str:
    with pytest.raises(DocumentError) as error:
        load(ROUTE.format(more=more), "policy.yaml")
    return str(error.value)


LIMITS = ["requests_per_minute", "tokens_per_day", "usd_per_month", "concurrency"]
NO_LIMITS = ["-1", "-0.5", ".nan", ".inf", "-.inf", "1e400", "9" * 25, "x", "[1]", '"5"']


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", NO_LIMITS)
def test_a_limit_that_is_none_is_refused_at_its_line(limit: str, value: str):
    said = refused(f"tiers:\n  free:\n    {limit}: {value}\n")
    assert "policy.yaml:6:" in said
    assert limit in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("tiers: {a: {concurrency: 1}, a: {concurrency: 2}}\n", "a` is written twice"),
        ("tiers:\n  a:\n    extends: b\n  b:\n    extends: a\n", "unknown key `extends`"),
        ("tiers:\n  a:\n    concurency: 1\n", "policy.yaml:6:5: error: unknown key `concurency`"),
        ("include: !file ../../etc/passwd\n", "tag `!file` is not allowed"),
        ("file: ../../etc/passwd\n", "unknown key `file`"),
    ],
)
def test_what_a_policy_may_not_say_is_refused_in_words(more: str, said: str):
    assert said in refused(more)


def test_a_policy_reads_no_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "sk-live-0123456789")
    said = refused("tiers:\n  a:\n    concurrency: ${SECRET}\n")
    assert "sk-live" not in said
    assert "must be a whole number" in said


def written(folder: Path, policy: str = "policy.yaml") -> Path:
    (folder / "turnout.yaml").write_text(CONFIG.format(policy=policy))
    return folder / "turnout.yaml"


def no_file(path: Path, kind: str) -> Path:
    """Something that is there and is no file: whoever reads it waits, or never ends."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(path.with_suffix(".pipe"))
        path.symlink_to(path.with_suffix(".pipe"))
    else:
        path.symlink_to("/dev/zero")
    return path


NO_FILES = ["pipe", "link to a pipe", "device"]


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_policy_or_configuration_that_is_no_file_is_refused_and_not_waited_for(
    tmp_path: Path, kind: str
):
    config = written(tmp_path)
    no_file(tmp_path / "policy.yaml", kind)
    with pytest.raises(DocumentError, match="the policy cannot be read: it is a pipe, a device"):
        read_documents(config, {})
    with pytest.raises(DocumentError, match="the configuration cannot be read: it is a pipe"):
        read_documents(tmp_path / "policy.yaml", {})


@pytest.mark.parametrize("kind", NO_FILES)
def test_other_files_that_turnout_yaml_names_are_not_waited_for_either(tmp_path: Path, kind: str):
    path = no_file(tmp_path / "named", kind)
    with pytest.raises(ListError, match="it is a pipe, a device or a socket"):
        read_list(path)
    with pytest.raises(ArtifactError, match="it is no file"):
        read_card(path)
    with pytest.raises(WrongCredentials, match="it is a pipe, a device or a socket"):
        GoogleTokens(GoogleAccount("scope", str(path)))
    with pytest.raises(AddressError, match="names no file"):
        parse_address(f"rediss://h:1/0?ca={path}")
    with pytest.raises(OSError, match=r"it is no file|No such device"):
        AppendedFile(path)


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("policy.yaml")
    with pytest.raises(DocumentError, match="the policy cannot be read"):
        read_documents(written(tmp_path), {})


def test_a_policy_that_is_a_folder_is_refused_in_words(tmp_path: Path):
    (tmp_path / "policy.yaml").mkdir()
    with pytest.raises(DocumentError, match="cannot be read: Is a directory"):
        read_documents(written(tmp_path), {})


LAUGHS = "a0: &a0 [lol, lol]\n" + "".join(
    f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]\n" for n in range(1, 40)
)


def test_a_list_of_prices_that_stands_for_more_than_it_holds_is_refused():
    with pytest.raises(ListError, match=r"has an alias \(line 2\)"):
        parsed(LAUGHS.encode(), ".yaml")


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [id]", "[" * 10_000, "\x00"])
def test_a_list_of_prices_that_is_code_or_no_list_is_refused(text: str):
    for suffix in (".yaml", ".json"):
        with pytest.raises(ListError):
            parsed(text.encode(), suffix)


class Served:
    """What serves by a snapshot."""

    def __init__(self, documents) -> None:
        self.snapshot = compile_snapshot(documents.loaded, documents.policy)

    def adopt(self, snapshot) -> None:
        self.snapshot = snapshot


@pytest.fixture
def swapped(tmp_path: Path):
    """Documents behind a link that is swapped for another, as Kubernetes does it."""
    for name, candidates in (("first", "[b]"), ("second", "[b, b2]"), ("wrong", "[nobody]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(
            ROUTE.format(more="").replace("[b]", candidates)
        )
    (tmp_path / "now").symlink_to("first")
    config = tmp_path / "turnout.yaml"
    one = '{base_url: "http://h/v1", model: m, price: {input: 1, output: 1}}'
    config.write_text(f"version: 1\npolicy: now/policy.yaml\nbackends: {{b: {one}, b2: {one}}}\n")
    documents = read_documents(config, {})
    served = Served(documents)
    return tmp_path, served, Reloader(served, documents, {}, Metrics().reloads)


def swap(folder: Path, target: str) -> None:
    (folder / "next").symlink_to(target)
    (folder / "next").replace(folder / "now")


def candidates(served: Served) -> tuple[str, ...]:
    return served.snapshot.policy.routes["auto"].candidates


async def test_a_link_that_is_swapped_is_noticed_and_a_wrong_target_changes_nothing(swapped):
    folder, served, reloader = swapped
    seen = []

    async def second(_: float) -> None:
        seen.append(candidates(served))
        if len(seen) == 1:
            swap(folder, "second")
        elif len(seen) == 2:
            swap(folder, "wrong")
        elif len(seen) == 3:
            swap(folder, "nowhere")
        elif len(seen) == 4:
            swap(folder, "first")
        elif len(seen) == 6:
            raise asyncio.CancelledError

    reloader._sleep = second
    with pytest.raises(asyncio.CancelledError):
        await reloader.watch()
    assert seen == [("b",), ("b", "b2"), ("b", "b2"), ("b", "b2"), ("b",), ("b",)]
