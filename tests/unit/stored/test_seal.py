"""What is sealed opens with its own key, at its own place, unchanged."""

import base64

import pytest

from router.seal import Seal, Unreadable, key_of

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_is_sealed_opens_where_it_was_sealed_for():
    seal = Seal([OLD])
    sealed = seal.close(b"secret", b"acme")
    assert b"secret" not in sealed
    assert seal.open(sealed, b"acme") == b"secret"
    with pytest.raises(Unreadable):
        seal.open(sealed, b"other")


def test_the_first_key_closes_and_all_of_them_open():
    before, after = Seal([OLD]).close(b"x", b""), Seal([NEW, OLD])
    assert after.open(before, b"") == b"x"
    assert Seal([NEW]).open(after.close(b"y", b""), b"") == b"y"
    with pytest.raises(Unreadable):
        Seal([NEW]).open(before, b"")


def test_what_was_changed_does_not_open():
    seal = Seal([OLD])
    sealed = seal.close(b"secret", b"")
    for at in (0, 2, 10, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(Unreadable):
            seal.open(bytes(changed), b"")
    with pytest.raises(Unreadable):
        seal.open(b"", b"")


def test_the_same_text_is_never_sealed_alike():
    seal = Seal([OLD])
    assert seal.close(b"x", b"") != seal.close(b"x", b"")


@pytest.mark.parametrize("text", ["", "abc", base64.b64encode(b"x" * 31).decode(), "ö" * 44])
def test_a_key_that_is_not_32_bytes_of_base64_is_refused(text):
    with pytest.raises(ValueError, match=r"not|ASCII"):
        key_of(text)


def test_a_key_is_read_as_it_is_written():
    assert key_of(base64.b64encode(NEW).decode()) == NEW
