"""Personal data and secrets in a text: a small set of detectors, for `request.pii`.

Each detector is a cheap test, a pattern in linear time, and a checksum where the thing has one.
What is found is only ever named (`email`, `card`), never returned.

Limits, on purpose: no names of people, no postal addresses, no dates of birth, no health data, no
images; telephone numbers only with a country code or in a written-out national form; national ids
of seven countries; secrets only of known shapes or beside a word such as `password`. Text that was
altered to hide (spelled-out digits, base64) is not found. It is a net, not a proof: a route that
must never leak has `only:` for all its traffic.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

# Prefixes by a sign that all of a row share: most texts lack the sign, and one look tells.
_PREFIXES: Final = (
    (
        "_",
        (
            "sk_live_", "rk_live_", "ghp_", "gho_", "ghs_", "github_pat_", "hf_", "npm_", "tnt_",
        ),
    ),
    ("-", ("sk-", "glpat-", "xoxb-", "xoxp-", "xoxa-", "pypi-", "AGE-SECRET-KEY-")),
    ("A", ("AKIA", "ASIA", "AIza")),
    ("J", ("eyJ",)),
    ("G.", ("SG.",)),
    ("PRIVATE", ("PRIVATE KEY",)),
)  # fmt: skip
_NAMED_SECRET: Final = ("password", "passwd", "secret", "api_key", "apikey", "api-key", "token")


class Detector(NamedTuple):
    """`valid` judges one match of `pattern`."""

    kind: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]


class Group(NamedTuple):
    """Detectors behind one cheap test of the whole text."""

    maybe: Callable[[str], bool]
    detectors: tuple[Detector, ...]


def contains_pii(texts: Iterable[str]) -> bool:
    """Whether any text holds personal data or a secret; stops at the first find."""
    return any(_finds(text, GROUPS) for text in texts)


def kinds(texts: Iterable[str]) -> frozenset[str]:
    """Which kinds of personal data and secrets the texts hold."""
    found: set[str] = set()
    for text in texts:
        for group in GROUPS:
            if group.maybe(text):
                found |= {d.kind for d in group.detectors if _found(d, text)}
    return frozenset(found)


def _finds(text: str, groups: Iterable[Group]) -> bool:
    return any(
        group.maybe(text) and any(_found(detector, text) for detector in group.detectors)
        for group in groups
    )


def _found(detector: Detector, text: str) -> bool:
    return any(detector.valid(match[0]) for match in detector.pattern.finditer(text))


def _always(_match: str) -> bool:
    return True


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def luhn(text: str) -> bool:
    """The checksum of payment cards."""
    digits = [int(char) for char in reversed(_digits(text))]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _card(text: str) -> bool:
    digits = _digits(text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def _iban(text: str) -> bool:
    compact = text.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _phone(text: str) -> bool:
    return 8 <= len(_digits(text)) <= 15


def _us_ssn(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _es_dni(text: str) -> bool:
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:8]) % 23] == text[-1]


def _fr_nir(text: str) -> bool:
    digits = _digits(text)
    return len(digits) == 15 and 97 - int(digits[:13]) % 97 == int(digits[13:])


def _br_cpf(text: str) -> bool:
    digits = [int(char) for char in _digits(text)]
    for length in (9, 10):
        total = sum(d * (length + 1 - i) for i, d in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return len(set(digits)) > 1


def _ch_ahv(text: str) -> bool:
    digits = [int(char) for char in _digits(text)]
    total = sum(d * (3 if i % 2 else 1) for i, d in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == digits[12]


def _named_secret(text: str) -> bool:
    value = re.split(r"[:=]", text, maxsplit=1)[-1].strip(" \"'")
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


# `map` over a bound method stays in C: a generator would cost more than the looks themselves.
def _has_prefix(text: str) -> bool:
    has = text.__contains__
    return any(sign in text and any(map(has, prefixes)) for sign, prefixes in _PREFIXES)


def _has_secret_word(text: str) -> bool:
    return any(map(text.lower().__contains__, _NAMED_SECRET))


def _has_digit(text: str) -> bool:
    return any(map(text.__contains__, "0123456789"))


_DIGIT_RUN: Final = re.compile(r"[0-9][0-9 .()/-]{5,}[0-9]")
# Two letters and two digits, or eight digits and a letter. It begins with a digit, which regular
# expressions look for many times quicker than for a letter, and looks back for the letters.
_LETTERED: Final = re.compile(
    r"[0-9](?:(?<=[A-Z]{2}[0-9])[0-9]|(?<=[A-Z]{2} [0-9])[0-9]|[0-9]{7}-?[A-Z])"
)
_SECRETS: Final = re.compile(
    r"\bsk-[A-Za-z0-9_-]{20,200}|\b[sr]k_live_[A-Za-z0-9]{16,99}|\bgh[pos]_[A-Za-z0-9]{30,99}"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,99}|\bglpat-[A-Za-z0-9_-]{20,99}|\bA[KS]IA[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_-]{35}|\bxox[bpa]-[A-Za-z0-9-]{20,99}|\bhf_[A-Za-z0-9]{30,99}"
    r"|\bnpm_[A-Za-z0-9]{36}|\bpypi-[A-Za-z0-9_-]{50,250}|\btnt_[A-Za-z0-9_-]{24,99}"
    r"|\bSG\.[A-Za-z0-9_-]{20,30}\.[A-Za-z0-9_-]{30,60}|\bAGE-SECRET-KEY-1[A-Z0-9]{50,70}"
    r"|\beyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
)

_NAMED: Final = re.compile(
    r"(?i)(?:password|passwd|secret|api[_-]?key|token)[\"']?\s{0,3}[:=]\s{0,3}[\"']?[^\s\"',;]{12,200}"
)
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b"
)
_CARD: Final = re.compile(
    r"(?<![0-9A-Za-z.])(?<![0-9][ -])(?:[2-6][0-9]{12,18}|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{5}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7})(?![0-9])"
)
_PHONE: Final = re.compile(
    # +49 30 1234 5678; (415) 555-2671; 030/12345678
    r"(?<![0-9A-Za-z])\+[1-9][0-9]{0,2}[ .(/-]{0,2}[0-9](?:[ .()/-]{0,2}[0-9]){6,12}(?![0-9])"
    r"|(?<![0-9A-Za-z.-])(?<![0-9] )\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[ .-][0-9]{4}(?![0-9-])"
    r"|(?<![0-9A-Za-z.-])(?<![0-9] )\(?0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{3,8}"
    r"(?:[ -][0-9]{2,5}){0,3}(?![0-9-])"
)
_IBAN: Final = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_US_SSN: Final = re.compile(r"(?<![0-9-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9-])")
_ES_DNI: Final = re.compile(r"(?<![0-9])[0-9]{8}-?[A-Z]\b")
_FR_NIR: Final = re.compile(
    r"(?<![0-9])[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9]{2}(?: ?[0-9]{3}){2} ?[0-9]{2}(?![0-9])"
)
_BR_CPF: Final = re.compile(r"(?<![0-9])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![0-9])")
_CH_AHV: Final = re.compile(r"(?<![0-9])756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}(?![0-9])")
_UK_NINO: Final = re.compile(
    r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b"
)
_IT_FISCAL: Final = re.compile(r"\b[A-Z]{6}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z]\b")

GROUPS: Final = (
    Group(lambda text: "@" in text, (Detector("email", _EMAIL, _always),)),
    Group(
        _has_prefix,
        (Detector("secret", _SECRETS, _always),),
    ),
    Group(_has_secret_word, (Detector("secret", _NAMED, _named_secret),)),
    Group(
        lambda text: _has_digit(text) and _DIGIT_RUN.search(text) is not None,
        (
            Detector("card", _CARD, _card),
            Detector("phone", _PHONE, _phone),
            Detector("national_id", _US_SSN, _us_ssn),
            Detector("national_id", _FR_NIR, _fr_nir),
            Detector("national_id", _BR_CPF, _br_cpf),
            Detector("national_id", _CH_AHV, _ch_ahv),
        ),
    ),
    Group(
        lambda text: _has_digit(text) and _LETTERED.search(text) is not None,
        (
            Detector("iban", _IBAN, _iban),
            Detector("national_id", _ES_DNI, _es_dni),
            Detector("national_id", _UK_NINO, _always),
            Detector("national_id", _IT_FISCAL, _always),
        ),
    ),
)
