import pytest

from bench.instructions import counted
from policies.pii.budget import Budget
from policies.pii.pii import contains_pii, kinds, texts_of
from policies.pii.shapes import SHAPES

PRESENT = [
    ("email", "write to jane.doe+test@mail.example.co.uk please"),
    ("phone", "call +49 30 1234 5678"),
    ("phone", "my number is (415) 555-2671"),
    ("phone", "Tel. 030/12345678"),
    ("card", "4111 1111 1111 1111"),
    ("card", "pay with 5500-0000-0000-0004 now"),
    ("iban", "IBAN DE89 3704 0044 0532 0130 00"),
    ("iban", "GB82WEST12345698765432"),
    ("iban", "DE89-3704-0044-0532-0130-00"),
    ("email", "jane@bücher.example, jané@x.рф or j@xn--bcher-kva.xn--p1ai"),
    ("card", "\uff14\uff11\uff11\uff11\u00a01111\u20111111\u00a01111".replace("\u2011", "\u2009")),
    ("iban", "ref AB12 CD34 EF56, to DE89370400440532013000"),
    ("card", "1 2 3 4 5 6 7 8 9, then 4111-1111-1111-1111, then 1 2 3 4 5 6 7 8 9"),
    ("national_id", "SSN 536-90-4399"),
    ("national_id", "DNI 12345678Z"),
    ("national_id", "CPF 529.982.247-25"),
    ("national_id", "AHV 756.9217.0769.85"),
    ("national_id", "NI number AB 12 34 56 C"),
    ("national_id", "codice RSSMRA85T10A562S"),
    ("national_id", "NIR 2 55 08 14 168 025 38"),
    ("secret", "key sk-" + "a1B2" * 8),
    ("secret", "AWS AKIA" + "ABCDEFGH12345678"),
    ("secret", "ghp_" + "a1" * 18),
    ("secret", "-----BEGIN RSA PRIVATE KEY-----"),
    ("secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijkl"),
    ("secret", 'DB_PASSWORD="hunter2hunter2"'),
]
ABSENT = [
    "What is the capital of France?",
    "Compute 123456789 * 987654321 and 3.14159265358979",
    "The meeting is on 2026-11-22 at 10:30, room 4-12",
    "4111 1111 1111 1112",
    "DE89 3704 0044 0532 0130 01",
    "order 12345678A",
    "version 10.0.19045.3693, build 2024-01-15",
    "x = [1000000, 2000000, 3000000]",
    "the token count is a number; password rules are strict",
    "000-12-3456",
    "Pythagoras: a^2 + b^2 = c^2 @ home",
    "1111111111111111",
    "ISO8601 timestamps: 20261122T101500Z",
    "task-1234 is sk-etchy",
    "token = tokens[position12345](next)",
    "0.1234567890123456, 3.0000000000000004, 1e-12",
    "return f(1, 2), g(30000000)",
]


@pytest.mark.parametrize(("kind", "text"), PRESENT)
def test_personal_data_is_found_by_kind(kind, text):
    assert kind in kinds([text])
    assert contains_pii(["harmless", text])


@pytest.mark.parametrize("text", ABSENT)
def test_what_only_looks_like_personal_data_is_left_alone(text):
    assert kinds([text]) == frozenset()


@pytest.mark.parametrize(
    "unit",
    [
        "lorem ipsum dolor ",
        "1 2 3 ",
        "a.b@",
        "eyJ.",
        "AA11 ",
        "12-",
        "password:",
        "0-",
        "AA11",
        "4111 ",
        "4111 1111 1111 1112 ",
        "password=abcdefghijkl ",
        "(0",
        "12345678A",
        "\\u0040",
        "\u2014\uff11",
    ],
)
def test_a_long_text_is_read_in_linear_time(unit):
    """Matching is linear by its automata; this counts all that is done around it."""

    def cost(size: int) -> int:
        return counted(lambda: contains_pii([unit * (size // len(unit))]))

    assert cost(20_000) < 2.2 * cost(10_000) + 100


def test_every_pattern_is_matched_by_an_automaton():
    assert len(SHAPES) >= 15
    for shape in SHAPES:
        assert type(shape.pattern).__module__.split(".")[0] == "re2"


def test_all_of_a_prompt_is_looked_at_but_no_image():
    call = {"function": {"name": "f", "arguments": '{"to": "jane.doe@example.com"}'}}
    image = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,AKIAABCDEFGH12345678"},
    }
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}, image]}]
    assert not contains_pii(texts_of(messages))
    assert contains_pii(texts_of([*messages, {"role": "assistant", "tool_calls": [call]}]))


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}],
        [{"role": "user", "content": "data:image/png;base64,AKIA"}, {"content": "ho"}],
        [{"role": "user", "content": None}, {"content": ["ho", {"text": "hi"}]}],
        [{"content": "hi", "n": 3}, "ho", ["ha"]],
        [],
        None,
        "hi",
        {"content": "hi"},
    ],
)
def test_the_quick_look_at_plain_messages_finds_the_same_texts(messages):
    def every(value):
        if isinstance(value, str):
            return [] if value.startswith("data:") else [value]
        inside = value.values() if isinstance(value, dict) else value
        return [t for v in inside for t in every(v)] if isinstance(value, list | dict) else []

    assert sorted(texts_of(messages)) == sorted(every(messages))


def test_beyond_so_many_looks_a_text_counts_as_private_without_being_read_to_its_end():
    near = "4111-1111-1111-1112, "  # a card but for its checksum
    assert kinds([near * 100], Budget(looks=100)) == frozenset()
    assert kinds([near * 101], Budget(looks=100)) == {"unclear"}
    assert contains_pii([near * 101], Budget(looks=100))


def test_what_lies_behind_the_last_look_costs_nothing():
    near, few = "4111-1111-1111-1112, ", Budget(looks=100)
    cost = [counted(lambda n=n: kinds([near * n], few)) for n in (1_000, 2_000)]
    assert cost[0] == cost[1]
