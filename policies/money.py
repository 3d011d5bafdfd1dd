"""USD in documents <-> integer pico-USD inside."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

PICO_PER_USD: Final = 10**12
_LARGEST: Final = Decimal(10**9)


def to_pico(value: Any) -> int:
    """Exact pico-USD of a decimal number of USD. Raises ValueError with the reason."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError("must be an amount in USD")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be an amount in USD") from None
    if not amount.is_finite():
        raise ValueError("must be a finite amount in USD")
    if amount < 0 or amount > _LARGEST:
        raise ValueError("must be an amount in USD from 0 to 1000000000")
    pico = amount * PICO_PER_USD
    if pico != pico.to_integral_value():
        raise ValueError("has over 12 decimals of a USD")
    return int(pico)


def to_usd(pico: float) -> float:
    """USD as a fraction, for arithmetic and for JSON; `usd` is what to show."""
    return pico / PICO_PER_USD


def usd_at(pico: float, decimals: int) -> str:
    """Pico-USD rounded to so many decimals, with thousands apart: `1,234.50`."""
    return f"{pico / PICO_PER_USD:,.{decimals}f}"


def usd(pico: int) -> str:
    """Pico-USD as a short decimal text, exactly: `0.00042`."""
    if pico < 0:
        return f"-{usd(-pico)}"
    whole, rest = divmod(pico, PICO_PER_USD)
    return f"{whole}.{rest:012}".rstrip("0") if rest else str(whole)


def _validated(value: Any) -> int:
    if isinstance(value, str):
        raise PydanticCustomError(
            "usd", "must be an amount in USD, not text", {"hint": "write it without quotes: 0.05"}
        )
    try:
        return to_pico(value)
    except ValueError as error:
        raise PydanticCustomError("usd", "{reason}", {"reason": str(error)}) from None


Usd = Annotated[
    int,
    BeforeValidator(_validated),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10**9}),
]
