"""Private data is found where it stands, as wide as it goes, however it is written."""

import pytest

from bench.instructions import counted
from policies.pii.budget import Budget, OverBudget
from policies.pii.found import Found
from policies.pii.placeholders import Placeholders, begun, merged
from policies.pii.reading import PIECE
from policies.pii.spans import ShapeFinder

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nQQ==\n-----END RSA PRIVATE KEY-----"


def found(text: str) -> list[tuple[str, str]]:
    finds = merged(ShapeFinder(Budget()).find(text))
    return [(one.kind, text[one.start : one.end]) for one in finds]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Mail jane.doe+x@example.com.", "email", "jane.doe+x@example.com"),
        ("mailto:o'brien@example.com", "email", "o'brien@example.com"),
        ("'jane@example.com'", "email", "jane@example.com"),
        ("请联系jane@example.com，谢谢", "email", "jane@example.com"),
        ("用户@例え.jp です", "email", "用户@例え.jp"),
        ("jane＠example．com", "email", "jane＠example．com"),
        ("a jane\\u0040example.com\\n b", "email", "jane\\u0040example.com"),
        ("x 41\u200b11 1111 11\u200d11 1111 y", "card", "41\u200b11 1111 11\u200d11 1111"),
        ("４１１１ １１１１ １１１１ １１１１", "card", "４１１１ １１１１ １１１１ １１１１"),
        ("call +49\u00a030\u20111234\u20115678!", "phone", "+49\u00a030\u20111234\u20115678"),
        ("DE89 3704 0044 0532 0130 00 is it", "iban", "DE89 3704 0044 0532 0130 00"),
        ("ssn 536-90-4399.", "national_id", "536-90-4399"),
        (f"a sk-{'x1' * 40}. b", "secret", f"sk-{'x1' * 40}"),
        ("password: hunter2hunter2", "secret", "hunter2hunter2"),
        (f"see {KEY} there", "secret", KEY),
        (f"see {KEY[:50]}", "secret", KEY[:50]),
    ],
)
def test_a_find_is_all_of_it_and_no_more(text, kind, value):
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize("before", [0, PIECE - 9, PIECE, 3 * PIECE + 5])
def test_it_is_found_wherever_it_stands_in_a_long_text(before):
    text = "é " * (before // 2) + "jane.doe@example.com"
    assert found(text) == [("email", "jane.doe@example.com")]


def test_finds_that_overlap_are_one_of_the_kind_of_the_longest():
    finds = [Found(5, 9, "phone"), Found(0, 7, "card"), Found(9, 12, "email")]
    assert merged(finds) == [Found(0, 9, "card"), Found(9, 12, "email")]


def test_what_is_over_the_budget_is_not_called_clean():
    for budget, text in (
        (Budget(bytes=9), "Good morning."),
        (Budget(microseconds=0), "x" * PIECE),
        (Budget(looks=9), "4111-1111-1111-1112, " * 20),
    ):
        with pytest.raises(OverBudget):
            ShapeFinder(budget).find(text)


def test_a_long_text_is_read_in_linear_time():
    def cost(times: int) -> int:
        text = "jane@example.com, é 4111-1111-1111-1112 " * times
        return counted(lambda: ShapeFinder(Budget(10**9, 10**9, 10**9)).find(text))

    assert cost(400) < 5 * cost(100)


def test_private_keys_that_end_nowhere_are_one_find_up_to_the_end():
    text = "-----BEGIN PRIVATE KEY-----\n" * 300
    assert merged(ShapeFinder(Budget()).find(text)) == [Found(0, len(text), "secret")]


def test_the_same_value_has_the_same_placeholder_and_no_longof_the_client_is_taken_for_one():
    placeholders = Placeholders()
    placeholders.avoid("As <EMAIL_1> says, \\u003cEMAIL_2\\u003e")
    names = [placeholders.standing_for(value, "email") for value in ("a", "b", "a")]
    assert names == ["<EMAIL_3>", "<EMAIL_4>", "<EMAIL_3>"]
    assert placeholders.restored("<EMAIL_1> <EMAIL_3> \\u003cEMAIL_4\\u003e") == "<EMAIL_1> a b"
    assert placeholders.standing_for("c", "acme-id2") == "<ACME_ID_1>"


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        *(("", 0), ("a", 0), ("a <", 1), ("a <EMAIL_1", 8), ("a <EMAIL_1>", 0), ("a < b", 0)),
        *(("a \\", 1), ("\\u00", 4), ("\\u003cEMAIL_1\\u003", 18), ("<" + "A" * 99, 0)),
    ],
)
def test_only_what_may_become_a_placeholder_waits(text, waits):
    assert begun(text) == waits
