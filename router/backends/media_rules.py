"""How many tokens a model takes at most for images, sounds, documents and videos.

The rules are data, `media_rules.yaml`; only requests that hold such a part ask for them.
"""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

from router.ask import Media
from router.protocols.media.films import LOWEST
from router.protocols.media.images import WAYS

TOKENS_A_PART: Final = 1_105  # of one that is no image, beside its size
_REMEMBERED: Final = 1_024  # models

Pattern = Annotated[re.Pattern[str], BeforeValidator(re.compile)]


class ImageRule(BaseModel):
    """How an image is counted: a way of WAYS, and its numbers."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float]

    way: Literal["tiles", "patches", "area", "crops", "flat"]

    def tokens(self, width: int, height: int, detail: str) -> int:
        """The most tokens of an image of this size in pixels; 0 by 0: nobody knows it."""
        return WAYS[self.way](width, height, detail, self.__pydantic_extra__)


class MediaRule(BaseModel):
    """A row of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: Pattern
    image: ImageRule
    page: int
    sound: int = 32
    film: int = 312
    alone: bool = False

    def tokens(self, media: Media) -> int:
        """The most tokens that these parts have, all together."""
        image, sizes = self.image.tokens, media.sizes
        coarse = media.low_detail - sum(detail == "low" for *_, detail in sizes)
        unknown = media.images - len(sizes) - coarse
        films = media.film_seconds - (media.film_bytes - media.video_bytes) // LOWEST
        others = media.audio + media.files + media.videos + media.others
        return (
            sum(image(width, height, detail) for width, height, detail in sizes)
            + (coarse and coarse * image(0, 0, "low"))
            + (unknown and unknown * image(0, 0, ""))
            + media.audio_seconds * self.sound
            + media.pages * self.page
            + films * self.film
            + others * TOKENS_A_PART
        )


@cache
def load_rules() -> tuple[MediaRule, ...]:
    """Every row, in the order of the file."""
    text = files("router.backends").joinpath("media_rules.yaml").read_text("utf-8")
    return tuple(MediaRule.model_validate(row) for row in yaml.safe_load(text))


@lru_cache(_REMEMBERED)
def rules_of(model: str) -> tuple[MediaRule, ...]:
    """The rule of a model; of one that no row names, all that may be its own."""
    name = model.lower()
    for rule in load_rules():
        if rule.models.search(name):
            return (rule,)
    return tuple(rule for rule in load_rules() if not rule.alone)


def most_of_media(media: Media, parts: int, models: Iterable[str]) -> int:
    """The most tokens that parts which are no text have at any of these models.

    `parts` is how many there are; those that `media` does not know count as one part each.
    """
    known = media.images + media.audio + media.files + media.videos + media.others
    rules = {id(rule): rule for model in models for rule in rules_of(model)}
    most = max([rule.tokens(media) for rule in rules.values()], default=0)
    return most + max(0, parts - known) * TOKENS_A_PART
