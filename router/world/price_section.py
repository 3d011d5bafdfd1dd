"""What a backend's `price` may hold: a rate for every counter, an amount for every unit and fee."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from policies.language.fields import Usd
from router.counters import PARTS, REASONING, TOKENS, Parts
from router.units import FEES, UNITS, Units
from router.world.config_values import Share, wrong
from router.world.section import Section

_PER_MILLION: Final = 1_000_000  # rates are written per million tokens
_MOST_TIMES: Final = 20
_POSITIVE: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": _MOST_TIMES}


def per_token(pico_per_million: int) -> int:
    """A rate as it is written in pico-USD per token, rounded half to even where it is finer."""
    return int((Decimal(pico_per_million) / _PER_MILLION).to_integral_value())


class Rates(Section):
    """USD per million tokens, as written; held as integer pico-USD."""

    input: Usd | None = None
    output: Usd | None = None
    cached_input: Usd | None = None
    cache_write: Usd | None = None
    cache_write_1h: Usd | None = None
    audio_input: Usd | None = None
    image_input: Usd | None = None
    video_input: Usd | None = None
    cached_audio: Usd | None = None
    cached_image: Usd | None = None
    cached_video: Usd | None = None
    reasoning: Usd | None = None
    audio_output: Usd | None = None
    image_output: Usd | None = None
    video_output: Usd | None = None
    citation: Usd | None = None

    @property
    def rates(self) -> dict[str, int]:
        """What a token costs in pico-USD, by counter, those that are written."""
        given = {name: getattr(self, name) for name in TOKENS}
        return {name: per_token(rate) for name, rate in given.items() if rate is not None}

    @property
    def parts(self) -> Parts:
        """The rates of what is a part of the totals and no field of a price."""
        return tuple((n, rate) for n, rate in self.rates.items() if n in PARTS or n == REASONING)


def _times(value: Any) -> Decimal:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST_TIMES:
        return Decimal(str(value))
    raise wrong("is no multiple of a price", f"write a number above 0, {_MOST_TIMES} at most: 0.9")


def _tier(value: Any) -> Any:
    """How many times the usual price, as a decimal; a mapping is read as rates."""
    return value if isinstance(value, dict) else _times(value)


Times = Annotated[Decimal, BeforeValidator(_times), WithJsonSchema(_POSITIVE)]


class PriceSection(Rates):
    """The rates of tokens, and USD for one of each unit and fee, as written.

    Without `input` and `output`, the list's rates count, and those that are written stand in for
    its own; `times` is how many times the list's rates tokens cost: 0.9 with a discount. `batch` is
    the share of it that tokens cost in a batch; else what the list says, else all of it. `tiers`
    are other prices, by the name that answers give the class of service: rates, or how many times
    the usual ones.
    """

    character: Usd | None = None
    image: Usd | None = None
    byte: Usd | None = None
    request: Usd | None = None
    search: Usd | None = None
    second: Usd | None = None
    code_execution: Usd | None = None
    file_search: Usd | None = None
    page: Usd | None = None
    social_search: Usd | None = None
    web_search: Usd | None = None
    times: Times | None = None
    batch: Share | None = None
    tiers: dict[str, Annotated[Decimal | Rates, BeforeValidator(_tier)]] = Field(default={})

    @model_validator(mode="after")
    def _both_or_neither(self) -> "PriceSection":
        both = (self.input is None) is (self.output is None)
        said = (self.rates, self.units, self.batch, self.times, self.tiers)
        if self.times is not None and self.whole:
            raise ValueError("`times` multiplies the list's prices: write no `input` and `output`")
        if both and any(said):
            return self
        raise ValueError("write both `input` and `output`, USD per million tokens")

    @property
    def units(self) -> Units:
        """What units and fees cost, those that are written."""
        given = ((name, getattr(self, name)) for name in (*UNITS, *FEES))
        return tuple((name, price) for name, price in given if price is not None)

    @property
    def whole(self) -> bool:
        """Whether it says by itself what tokens cost, whatever the list says."""
        return self.input is not None and self.output is not None
