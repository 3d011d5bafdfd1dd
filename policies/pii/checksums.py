"""Checksums of cards, accounts and national ids: each takes a match's text, separators included."""


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


def luhn(text: str) -> bool:
    """The checksum of payment cards."""
    digits = _digits(text)[::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def card(text: str) -> bool:
    """A payment card: 13 to 19 digits, not all the same, by Luhn."""
    digits = _digits(text)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(text)


def iban(text: str) -> bool:
    """An IBAN, by ISO 7064 (modulo 97)."""
    compact = text.replace(" ", "").replace("-", "")
    if not 15 <= len(compact) <= 34:
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def us_ssn(text: str) -> bool:
    """A US social security number: no checksum, but areas and groups that are never given."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def es_dni(text: str) -> bool:
    """A Spanish identity number, by its letter."""
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:8]) % 23] == text[-1]


def fr_nir(text: str) -> bool:
    """A French social security number, by its key."""
    digits = "".join(map(str, _digits(text)))
    return len(digits) == 15 and 97 - int(digits[:13]) % 97 == int(digits[13:])


def br_cpf(text: str) -> bool:
    """A Brazilian taxpayer number, by both check digits."""
    digits = _digits(text)
    for length in (9, 10):
        total = sum(d * (length + 1 - i) for i, d in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return len(set(digits)) > 1


def ch_ahv(text: str) -> bool:
    """A Swiss social security number, by its check digit (EAN-13)."""
    digits = _digits(text)
    total = sum(d * (3 if i % 2 else 1) for i, d in enumerate(digits[:12]))
    return (10 - total % 10) % 10 == digits[12]
