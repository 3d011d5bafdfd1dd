"""Personal data and secrets in a text: a small set of detectors, for `request.pii`.

Each detector is a cheap test, a pattern in linear time, and a checksum where the thing has one.
What is found is only ever named (`email`, `card`), never returned.

Limits, on purpose: no names of people, no postal addresses, no dates of birth, no health data, no
images; telephone numbers only with a country code or in a written-out national form; national ids
of eight countries; secrets only of known shapes or beside a word such as `password`. Text that was
altered to hide (spelled-out digits, base64) is not found. It is a net, not a proof: a route that
must never leak has `only:` for all its traffic.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

_PREFIXES: Final = (
    "sk-", "sk_live_", "rk_live_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "AKIA", "ASIA",
    "AIza", "xoxb-", "xoxp-", "xoxa-", "hf_", "npm_", "pypi-", "eyJ", "SG.", "PRIVATE KEY",
    "tnt_", "AGE-SECRET-KEY-",
)  # fmt: skip
_NAMED_SECRET: Final = ("password", "passwd", "secret", "api_key", "apikey", "api-key", "token")


class Detector(NamedTuple):
    """`maybe` is a cheap test of the whole text, `valid` judges one match of `pattern`."""

    kind: str
    maybe: Callable[[str], bool]
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]


def contains_pii(texts: Iterable[str]) -> bool:
    """Whether any text holds personal data or a secret; stops at the first find."""
    return any(_found(detector, text) for text in texts for detector in DETECTORS)


def kinds(texts: Iterable[str]) -> frozenset[str]:
    """Which kinds of personal data and secrets the texts hold."""
    listed = list(texts)
    return frozenset(d.kind for d in DETECTORS if any(_found(d, text) for text in listed))


def _found(detector: Detector, text: str) -> bool:
    if not detector.maybe(text):
        return False
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


def _has_digits(text: str) -> bool:
    return _DIGIT_RUN.search(text) is not None


def _has_secret_word(text: str) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in _NAMED_SECRET)


_DIGIT_RUN: Final = re.compile(r"[0-9][0-9 .()/-]{5,}[0-9]")
_SECRETS: Final = re.compile(
    r"\bsk-[A-Za-z0-9_-]{20,200}|\b[sr]k_live_[A-Za-z0-9]{16,99}|\bgh[pos]_[A-Za-z0-9]{30,99}"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,99}|\bglpat-[A-Za-z0-9_-]{20,99}|\bA[KS]IA[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_-]{35}|\bxox[bpa]-[A-Za-z0-9-]{20,99}|\bhf_[A-Za-z0-9]{30,99}"
    r"|\bnpm_[A-Za-z0-9]{36}|\bpypi-[A-Za-z0-9_-]{50,250}|\btnt_[A-Za-z0-9_-]{24,99}"
    r"|\bSG\.[A-Za-z0-9_-]{20,30}\.[A-Za-z0-9_-]{30,60}|\bAGE-SECRET-KEY-1[A-Z0-9]{50,70}"
    r"|\beyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
)

DETECTORS: Final = (
    Detector(
        "email",
        lambda text: "@" in text,
        re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b"),
        _always,
    ),
    Detector("secret", lambda text: any(p in text for p in _PREFIXES), _SECRETS, _always),
    Detector(
        "secret",
        _has_secret_word,
        re.compile(r"(?i)(?:password|passwd|secret|api[_-]?key|token)[\"']?\s{0,3}[:=]\s{0,3}[\"']?[^\s\"',;]{12,200}"),
        _named_secret,
    ),
    Detector("card", _has_digits, re.compile(r"(?<![0-9.])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])"), _card),
    Detector(
        "phone",
        _has_digits,
        re.compile(
            r"(?<![0-9A-Za-z])\+[1-9][0-9]{0,2}[ .(/-]{0,2}[0-9](?:[ .()/-]{0,2}[0-9]){6,12}(?![0-9])"
            r"|(?<![0-9A-Za-z.-])\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[ .-][0-9]{4}(?![0-9-])"
            r"|(?<![0-9A-Za-z.-])\(?0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{3,8}(?:[ -][0-9]{2,5}){0,3}(?![0-9-])"
        ),
        _phone,
    ),
    Detector(
        "iban",
        _has_digits,
        re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
        _iban,
    ),
    Detector("national_id", _has_digits, re.compile(r"(?<![0-9-])[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9-])"), _us_ssn),
    Detector("national_id", _has_digits, re.compile(r"(?<![0-9])[0-9]{8}-?[A-Z]\b"), lambda t: _es_dni(t)),
    Detector(
        "national_id",
        _has_digits,
        re.compile(r"(?<![0-9])[12][ ]?[0-9]{2}[ ]?(?:0[1-9]|1[0-2])[ ]?[0-9]{2}(?:[ ]?[0-9]{3}){2}[ ]?[0-9]{2}(?![0-9])"),
        _fr_nir,
    ),
    Detector("national_id", _has_digits, re.compile(r"(?<![0-9])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![0-9])"), _br_cpf),
    Detector("national_id", _has_digits, re.compile(r"(?<![0-9])756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}(?![0-9])"), _ch_ahv),
    Detector(
        "national_id",
        lambda text: _LETTERED_ID.search(text) is not None,
        re.compile(
            r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b"
            r"|\b[A-Z]{6}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z]\b"
        ),
        _always,
    ),
)  # fmt: skip
_LETTERED_ID: Final = re.compile(r"[A-Z]{2} ?[0-9]{2}")
