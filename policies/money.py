"""USD: read from documents and clients, held as integer pico-USD, shown again. The only such place.

Exact where it is billed or written for programs (`usd`), rounded where people read (`usd_rounded`,
`usd_short`), a fraction where it is only compared, averaged or drawn (`to_usd`).
"""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

PICO_PER_USD: Final = 10**12
PICO_PER_NANO: Final = 1_000  # the ledger keeps nano-USD
DECIMALS: Final = 6  # to which the cost of one request is shown to people
LARGEST_USD: Final = Decimal(10**9)


def to_pico(value: Any, *, signed: bool = False) -> int:
    """Exact pico-USD of a decimal number of USD. Raises ValueError with the reason."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError("must be an amount in USD")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be an amount in USD") from None
    if not amount.is_finite():
        raise ValueError("must be a finite amount in USD")
    if amount > LARGEST_USD or amount < (-LARGEST_USD if signed else 0):
        least = -LARGEST_USD if signed else 0
        raise ValueError(f"must be an amount in USD from {least} to {LARGEST_USD}")
    pico = amount * PICO_PER_USD
    if pico != pico.to_integral_value():
        raise ValueError("has over 12 decimals of a USD")
    return int(pico)


def to_usd(pico: float) -> float:
    """USD as a fraction: for averages, plots, metrics and rounding, not for bills."""
    return pico / PICO_PER_USD


def usd(pico: int, *, least: int = 0) -> str:
    """Pico-USD as decimal text, exact, with at least so many decimals: `0.00042`."""
    if pico < 0:
        return f"-{usd(-pico, least=least)}"
    whole, rest = divmod(pico, PICO_PER_USD)
    decimals = f"{rest:012}".rstrip("0").ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else str(whole)


def usd_rounded(amount: float, decimals: int = DECIMALS) -> str:
    """USD rounded for people, with thousands apart: `1,234.50`."""
    return f"{amount:,.{decimals}f}"


def usd_short(amount: float) -> str:
    """USD for a table: cents from one USD on, millionths below."""
    return usd_rounded(amount, 2 if abs(amount) >= 1 else DECIMALS)
