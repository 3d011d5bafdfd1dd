"""The real Presidio, with a spaCy pipeline that is trained here: no network, no download."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import patience
import presidiokit
import pytest
import yaml
from privacykit import private_gateway
from trust.licences import ALLOWED, IN_AN_EXTRA, installed, licences

from policies.pii.reading import PrivateData
from router.pipeline.second_reading import Bounds, SecondReading
from router.presidio.pool import Pool
from router.presidio.spec import Spec, Unusable

TRAINER = Path(__file__).with_name("small_pipeline.py")
OWN_FILE = """\
supported_languages: [en]
nlp_configuration: {nlp_engine_name: spacy, models: [{lang_code: en, model_name: "PIPELINE"}]}
recognizer_registry:
  supported_languages: [en]
  recognizers:
    - name: employees
      supported_languages: [en]
      supported_entity: EMPLOYEE
      patterns: [{name: number, regex: "EMP-[0-9]{6}", score: 0.9}]
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("trained") / "pipeline"
    subprocess.run([sys.executable, str(TRAINER), str(folder)], check=True)
    return str(folder)


def kinds(found) -> list[set[str]]:
    return [{one.kind for one in each} for each in found]


async def test_names_and_places_that_it_never_saw_are_found_where_they_stand(pipeline):
    spec = Spec(entities=("PERSON", "LOCATION", "EMAIL_ADDRESS"), languages={"en": pipeline})
    async with presidiokit.running(Pool(spec)) as pool:
        text = "My name is Jane Doe and I live in Paris."
        (found,) = await pool.ask([text])
        assert {(text[one.start : one.end], one.kind) for one in found} == {
            ("Jane Doe", "person"),
            ("Paris", "location"),
        }
        plain = ["Why is the sky blue?", "Please write a function that sorts a list."]
        assert await pool.ask(plain) == [[], []]
        # Presidio looks domains up in a list that a library would download; it has one of its own.
        assert kinds(await pool.ask(["mail jane.doe@example.com, please"])) == [{"email"}]


async def test_presidios_own_file_says_what_is_recognized(pipeline, tmp_path):
    (tmp_path / "presidio.yaml").write_text(OWN_FILE.replace("PIPELINE", pipeline))
    spec = Spec(entities=("EMPLOYEE",), config=str(tmp_path / "presidio.yaml"))
    async with presidiokit.running(Pool(spec)) as pool:
        assert kinds(await pool.ask(["It was EMP-123456.", "It was Jane Doe."])) == [
            {"employee"},
            set(),
        ]


async def test_what_is_not_there_is_said_and_nothing_is_downloaded(pipeline, tmp_path):
    (tmp_path / "other.yaml").write_text(OWN_FILE.replace("PIPELINE", "en_core_web_lg_of_nobody"))
    for spec, why in (
        (Spec(entities=("FOO",), languages={"en": pipeline}), "nothing finds FOO"),
        (Spec(entities=("PERSON",), languages={"en": "xx_of_nobody"}), "is not installed"),
        (Spec(entities=("EMPLOYEE",), config=str(tmp_path / "other.yaml")), "detectors.presidio"),
        (Spec(entities=("PERSON",), config=str(tmp_path / "none.yaml")), "cannot be read"),
    ):
        with pytest.raises(Unusable, match=re.escape(why)):
            await Pool(spec).start()


async def test_text_that_takes_it_long_counts_as_private_and_the_next_is_read(pipeline):
    spec = Spec(entities=("PERSON",), languages={"en": pipeline})
    async with presidiokit.running(Pool(spec, hangs_after=60)) as pool:
        second = SecondReading(pool, Bounds(seconds=0.1, wait=60))
        hostile = b'["' + b"( " * 30_000 + b'"]'
        assert await second.finding(lambda: [hostile], "greedy") is PrivateData.UNREAD
        patient = SecondReading(pool, Bounds(seconds=60))
        patient.turns = second.turns  # the one piece that is being read still has its turn
        name = b'["Dear Jane Doe, thank you for your letter."]'
        assert await patient.finding(lambda: [name], "other") is PrivateData.FOUND
        assert pool.deaths == 0


def test_a_gateway_keeps_names_at_home(pipeline, tmp_path):
    presidio = {"languages": {"en": pipeline}, "milliseconds": 60_000}
    with private_gateway(tmp_path, detectors={"presidio": presidio}) as gateway:
        headers = {"authorization": f"Bearer {gateway.key('other')}"}

        def asked(text: str) -> str:
            body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
            answer = patience.post(f"{gateway.url}/chat/completions", json=body, headers=headers)
            return answer.headers["x-turnout-backend"]

        assert asked("Dear Jane Doe, thank you for your letter.") == "home"
        assert asked("Thank you for the letter about the contract.") == "away"


def test_a_gateway_without_what_it_needs_does_not_start_and_says_what_to_do(pipeline, tmp_path):
    backend = {
        "base_url": "http://127.0.0.1:9/v1",
        "model": "m",
        "price": {"input": 0, "output": 0},
    }
    config = {"version": 1, "policy": "policy.yaml", "backends": {"a": backend}}
    presidio = {"languages": {"en": pipeline}, "entities": ["FOO"]}
    document = tmp_path / "turnout.yaml"
    document.write_text(yaml.safe_dump({**config, "detectors": {"presidio": presidio}}))
    (tmp_path / "policy.yaml").write_text(
        "version: 1\nroutes: {auto: {candidates: [a], objective: fixed}}"
    )
    command = [sys.executable, "-m", "router.cli", "serve", "--config", str(document)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "detectors.presidio: nothing finds FOO; there is" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_licence_of_what_it_brings_is_one_that_we_chose():
    def brought(name: str) -> Iterator[str]:
        for line in requires(name) or ():
            if "extra ==" not in line:
                yield re.split(r"[\[<>=;!~ (]", line, maxsplit=1)[0].lower().replace("_", "-")

    names, waiting = set(), ["presidio-analyzer"]
    while waiting:
        name = waiting.pop()
        if name not in names and installed({name}):
            names.add(name)
            waiting += brought(name)
    assert {"spacy", "thinc", "tldextract"} <= names
    strange = {
        package.name: licences(package) - ALLOWED - IN_AN_EXTRA.get(package.name.lower(), set())
        for package in installed(names)
    }
    assert {name: those for name, those in strange.items() if those} == {}
