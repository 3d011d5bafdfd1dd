"""The section about Presidio: what it must say, and whether that is installed."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from policies.findings import DocumentError
from router.presidio.spec import INSTALL
from router.world.config_load import load_config
from router.world.config_presidio import PresidioSection, not_installed, spec_of

TEXT = """\
version: 1
backends: {a: {base_url: "http://127.0.0.1:9/v1", model: m, price: {input: 0, output: 0}}}
detectors: {presidio: {SECTION}}
"""


def section(**keys) -> PresidioSection:
    return PresidioSection(**keys)


def findings(written: str, folder: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        load_config(TEXT.replace("SECTION", written), str(folder / "turnout.yaml"), {})
    return str(caught.value)


def test_it_looks_for_names_and_places_with_what_is_installed_and_paths_begin_at_the_file() -> None:
    spec = spec_of(section(languages={"en": "en_core_web_lg", "de": "./de"}), Path("/etc/t"))
    assert spec.languages == {"en": "en_core_web_lg", "de": "/etc/t/de"}
    assert (spec.entities, spec.config, spec.device) == (("PERSON", "LOCATION"), "", "cpu")
    assert spec_of(section(config="p.yaml"), Path("/etc/t")).config == "/etc/t/p.yaml"


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"languages": {"en": "a"}, "config": "b"},
        {"languages": {"EN": "a"}},
        {"languages": {"en": "not a name"}},
        {"languages": {"en": "a"}, "entities": []},
        {"languages": {"en": "a"}, "entities": ["person"]},
        {"languages": {"en": "a"}, "score": 2},
        {"languages": {"en": "a"}, "device": "rocm"},
        {"languages": {"en": "a"}, "processes": 0},
        {"languages": {"en": "a"}, "milliseconds": 0},
    ],
)
def test_what_makes_no_sense_is_refused(keys) -> None:
    with pytest.raises(ValidationError):
        section(**keys)


def test_what_is_not_installed_is_told_with_what_to_install(tmp_path) -> None:
    def missing(there: set[str], **keys):
        found = not_installed(section(**keys), tmp_path, lambda name: name in there or None)
        return [(where, hint) for where, _, hint in found]

    assert missing(set(), languages={"en": "en_core_web_sm"}) == [((), INSTALL)]
    there = {"presidio_analyzer"}
    ((where, hint),) = missing(there, languages={"en": "en_core_web_sm"})
    assert (where, "spacy download en_core_web_sm" in hint) == (("languages", "en"), True)
    assert missing({*there, "en_core_web_sm"}, languages={"en": "en_core_web_sm"}) == []
    assert [where for where, _ in missing(there, languages={"en": "./x"}, entities=["NRP"])] == [
        ("languages", "en")
    ]
    assert [where for where, _ in missing(there, config="none.yaml")] == [("config",)]
    (tmp_path / "config.cfg").touch()
    assert missing(there, languages={"en": "./"}) == []
    assert missing(there, config="config.cfg") == []


def test_the_document_that_is_checked_says_so_at_its_place(tmp_path) -> None:
    assert "languages or a config" in findings("device: cpu", tmp_path)
    told = findings('languages: {en: "./none"}', tmp_path)
    assert "is not installed" in told or "no folder of a spaCy pipeline" in told
    assert "names no entities" in findings("languages: {en: a}, entities: [people]", tmp_path)
