"""How personal data and secrets are written: a table of kinds, patterns and what makes them valid.

Patterns read plain text (`policies.pii.plain`): digits, dashes and spaces are ASCII there. ANY is
all of them in one automaton, which takes no longer than one: most texts are read by it alone.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from policies.pii.checksums import br_cpf, card, ch_ahv, es_dni, fr_nir, iban, us_ssn
from policies.pii.linear import Linear, linear, one_of


class Shape(NamedTuple):
    """How a kind is written, and what a match must satisfy.

    `alone`: behind a digit and a separator it is a part of a longer number.
    """

    kind: str
    pattern: Linear
    valid: Callable[[str], bool]
    alone: bool = False

    def begins(self, text: bytes, at: int) -> bool:
        """Whether it begins there, and is no part of a longer number."""
        if not self.alone or at < 2 or text[at - 1] not in b" -":
            return True
        return not text[at - 2 : at - 1].isdigit()


def _always(_match: str) -> bool:
    return True


def _phone(text: str) -> bool:
    return 8 <= sum(char.isdigit() for char in text) <= 15


def _mixed(text: str) -> bool:
    """Letters and digits: words alone are no secret, nor are numbers."""
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


_KEYS: Final = (  # how keys begin, and how they go on
    (rb"sk-", rb"[A-Za-z0-9_-]{20}"),
    (rb"[sr]k_live_", rb"[A-Za-z0-9]{16}"),
    (rb"gh[pos]_", rb"[A-Za-z0-9]{30}"),
    (rb"github_pat_", rb"[A-Za-z0-9_]{22}"),
    (rb"glpat-", rb"[A-Za-z0-9_-]{20}"),
    (rb"A[KS]IA", rb"[A-Z0-9]{16}\b"),
    (rb"AIza", rb"[A-Za-z0-9_-]{35}"),
    (rb"xox[bpa]-", rb"[A-Za-z0-9-]{20}"),
    (rb"hf_", rb"[A-Za-z0-9]{30}"),
    (rb"npm_", rb"[A-Za-z0-9]{36}"),
    (rb"pypi-", rb"[A-Za-z0-9_-]{50}"),
    (rb"tnt_", rb"[A-Za-z0-9_-]{24}"),
    (rb"SG\.", rb"[A-Za-z0-9_-]{20,30}\.[A-Za-z0-9_-]{30}"),
    (rb"AGE-SECRET-KEY-1", rb"[A-Z0-9]{50}"),
    (rb"eyJ", rb"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}"),
    (rb"-----BEGIN ", rb"[A-Z ]{0,30}PRIVATE KEY-----"),
)
_ANNOUNCED: Final = rb"(?i:password|passwd|secret|api[_-]?key|token)"
_BESIDE: Final = rb"[\"'\\\s]{0,8}[:=]"
_DOMAIN: Final = (
    rb"(?:[A-Za-z0-9\x80-\xff-]{1,63}\.){1,5}"
    rb"(?:[A-Za-z]{2,24}\b|xn--[A-Za-z0-9-]{2,59}|[\x80-\xff]{2,96})"
)
_LOCAL: Final = rb"[A-Za-z0-9_%+\x80-\xff-]@"

SHAPES: Final = (
    Shape("email", linear(rb"(" + _LOCAL + _DOMAIN + rb")"), _always),
    Shape(
        "secret",
        linear(
            rb"(?:^|[^A-Za-z0-9_])(" + rb"|".join(begin + rest for begin, rest in _KEYS) + rb")"
        ),
        _always,
    ),
    Shape(
        "secret",  # a value beside a word that announces it
        linear(
            _ANNOUNCED + _BESIDE + rb"[\"'\\\s]{0,8}([A-Za-z0-9+/_=.~!@#%^&*-]{12,200})"
            rb"(?:[^A-Za-z0-9(\[{]|$)"
        ),
        _mixed,
    ),
    Shape(
        "card",
        linear(
            rb"(?:^|[^0-9A-Za-z.])([2-6][0-9]{12,18}|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{5}"
            rb"|[2-6][0-9]{3} [0-9]{4} [0-9]{4} [0-9]{1,7}"
            rb"|[2-6][0-9]{3}-[0-9]{4}-[0-9]{4}-[0-9]{1,7})"
            rb"(?:[^0-9A-Za-z]|$)"
        ),
        card,
        alone=True,
    ),
    Shape(
        "phone",  # +49 30 1234 5678
        linear(
            rb"(?:^|[^0-9A-Za-z])(\+[1-9][0-9]{0,2}[ .(/-]{0,2}[0-9]"
            rb"(?:[ .()/-]{0,2}[0-9]){6,12})(?:[^0-9]|$)"
        ),
        _phone,
    ),
    Shape(
        "phone",  # (415) 555-2671
        linear(
            rb"(?:^|[^0-9A-Za-z.-])(\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[ .-][0-9]{4})"
            rb"(?:[^0-9-]|$)"
        ),
        _phone,
        alone=True,
    ),
    Shape(
        "phone",  # 030/12345678
        linear(
            rb"(?:^|[^0-9A-Za-z.-])(\(?0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{3,8}"
            rb"(?:[ -][0-9]{2,5}){0,3})(?:[^0-9-]|$)"
        ),
        _phone,
        alone=True,
    ),
    Shape(
        "national_id",  # USA
        linear(rb"(?:^|[^0-9-])([0-9]{3}-[0-9]{2}-[0-9]{4})(?:[^0-9-]|$)"),
        us_ssn,
    ),
    Shape(
        "national_id",  # France
        linear(
            rb"(?:^|[^0-9])([12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9]{2}"
            rb"(?: ?[0-9]{3}){2} ?[0-9]{2})(?:[^0-9]|$)"
        ),
        fr_nir,
    ),
    Shape(
        "national_id",  # Brazil
        linear(rb"(?:^|[^0-9])([0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})(?:[^0-9]|$)"),
        br_cpf,
    ),
    Shape(
        "national_id",  # Switzerland
        linear(rb"(?:^|[^0-9])(756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2})(?:[^0-9]|$)"),
        ch_ahv,
    ),
    Shape(
        "iban",
        linear(rb"\b([A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?)\b"),
        iban,
    ),
    Shape("national_id", linear(rb"(?:^|[^0-9])([0-9]{8}-?[A-Z])\b"), es_dni),  # Spain
    Shape(
        "national_id",  # United Kingdom
        linear(rb"\b([A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D])\b"),
        _always,
    ),
    Shape(
        "national_id",  # Italy
        linear(rb"\b([A-Z]{6}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z])\b"),
        _always,
    ),
)

ANY: Final = one_of([shape.pattern for shape in SHAPES])
