"""The section of turnout.yaml about Presidio, and whether it is installed as it says."""

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from policies.language.fields import Duration
from router.presidio.spec import INSTALL, NEEDED, Spec
from router.world.config_values import Size, Words, wrong
from router.world.section import Section

Where = tuple[str, ...]
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_PIPELINE: Final = re.compile(r"[A-Za-z0-9_]+|.*/.*")  # a package, or the path of a folder
_ENTITY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,31}")
_NAMES_AND_PLACES: Final = ("PERSON", "LOCATION")
_OF_A_PIPELINE: Final = "config.cfg"
_SAVED: Final = "write the name of an installed package, or the path of a folder, with a slash"


class PresidioSection(Section):
    """Presidio as a second detector: what it looks for, with what, and what that may take.

    `bytes` of language of one request are read for `milliseconds`, once its turn has come, for
    which it waits as long as `wait`. `processes` are those of each worker.
    """

    languages: dict[str, str] = Field(default={})
    config: str | None = Field(default=None, min_length=1)
    entities: Words = _NAMES_AND_PLACES
    score: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    device: Literal["cpu", "cuda"] = "cpu"
    processes: int = Field(default=1, ge=1, le=64)
    bytes: Size = 64_000
    milliseconds: PositiveInt = 2_000
    wait: Duration = 5.0

    @field_validator("languages")
    @classmethod
    def _names_pipelines(cls, languages: dict[str, str]) -> dict[str, str]:
        if not all(map(_LANGUAGE.fullmatch, languages)):
            raise wrong("names something that is no language", "write codes: {en: en_core_web_lg}")
        if not all(map(_PIPELINE.fullmatch, languages.values())):
            raise wrong("names something that is no spaCy pipeline", _SAVED)
        return languages

    @field_validator("entities")
    @classmethod
    def _names_entities(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or not all(_ENTITY.fullmatch(name) for name in names):
            raise wrong("names no entities", "write them as Presidio does: PERSON, LOCATION, NRP")
        return names

    @model_validator(mode="after")
    def _says_what_recognizes(self) -> Self:
        if bool(self.languages) == (self.config is not None):
            raise wrong(
                "must have languages or a config, one of them",
                "write languages: {en: en_core_web_lg}, or config: a file of Presidio's own",
            )
        return self


def spec_of(section: PresidioSection, folder: Path) -> Spec:
    """Return what its processes are told; paths begin in `folder`."""
    return Spec(
        entities=section.entities,
        languages={
            code: str(folder / name) if _is_path(name) else name
            for code, name in section.languages.items()
        },
        config="" if section.config is None else str(folder / section.config),
        score=section.score,
        device=section.device,
    )


def not_installed(
    section: PresidioSection, folder: Path, finds: Callable[[str], object] = find_spec
) -> Iterator[tuple[Where, str, str]]:
    """Yield what is not there: at which key, what, and how it comes there. `finds` knows packages,
    by the names that are imported.
    """
    if finds(NEEDED) is None:
        yield (), "Presidio is not installed", INSTALL
        return
    for code, name in section.languages.items():
        where = ("languages", code)
        if _is_path(name):
            if not (folder / name / _OF_A_PIPELINE).is_file():
                yield where, f"`{name}` is no folder of a spaCy pipeline", _SAVED
        elif finds(name) is None:
            hint = f"python -m spacy download {name}, or write the path of a folder"
            yield where, f"the spaCy pipeline `{name}` is not installed", hint
    if section.config is not None and not (folder / section.config).is_file():
        hint = "write the path of a file of Presidio's own"
        yield ("config",), f"there is no file `{section.config}`", hint


def _is_path(name: str) -> bool:
    return "/" in name
