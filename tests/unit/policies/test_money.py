"""USD has one module: how it is read, kept and shown."""

import re
from pathlib import Path

import pytest

import policies
import router
from policies.money import PICO_PER_USD, to_pico, to_usd, usd, usd_rounded, usd_short


@pytest.mark.parametrize(
    ("pico", "least", "text"),
    [
        (0, 0, "0"),
        (420_000_000, 0, "0.00042"),
        (PICO_PER_USD, 2, "1.00"),
        (-1, 0, "-0.000000000001"),
    ],
)
def test_an_exact_amount_is_shown_to_its_last_digit(pico, least, text):
    assert usd(pico, least=least) == text
    assert to_pico(text, signed=True) == pico


def test_a_rounded_amount_sets_thousands_apart():
    assert usd_rounded(1234.5, 2) == "1,234.50"
    assert usd_rounded(to_usd(420_000_000)) == "0.000420"
    assert (usd_short(0.5), usd_short(12.345)) == ("0.500000", "12.35")


@pytest.mark.parametrize("wrong", ["", "x", "nan", True, None, "0.0000000000001", -1, 10**10])
def test_what_is_no_amount_is_refused_in_words(wrong):
    with pytest.raises(ValueError, match="USD"):
        to_pico(wrong)


def test_no_other_module_knows_how_many_pico_a_usd_has():
    figure = re.compile(r"PICO_PER_USD\b|\b1e12\b")
    folders = [Path(policies.__file__).parent, Path(router.__file__).parent]
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    knowing = [m.name for m in modules if figure.search(m.read_text(encoding="utf-8"))]
    assert knowing == ["money.py"]
