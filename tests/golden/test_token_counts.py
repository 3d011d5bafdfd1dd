"""Texts of many kinds with the most tokens that eight tokenizers of the field made of them.

They are those of GPT-4, Llama 3 and 4, Qwen, DeepSeek, Mistral 7B and Nemo, and Claude 2.
"""

import json
from pathlib import Path

import pytest

from router.ledger.text_weights import most_tokens

COUNTS = json.loads((Path(__file__).parent / "token_counts.json").read_text("utf-8"))
# The kinds that go beyond the bound, and how far: docs/quotas.md names them.
BEYOND = {
    "ligatures that are rewritten": 5.1,
    "made-up words without end": 2.1,
    "made-up words of 6 letters": 1.5,
    "made-up words of 12 letters": 1.75,
    "hangul at random": 1.9,
    "ideographs at random": 1.9,
    "one letter": 1.5,
    "rare scripts": 1.5,
    "space newline": 1.35,
    "amharic": 1.06,
    "printable noise": 1.06,
    "indonesian": 1.04,
}
TEMPLATE = 8  # tokens that a chat template has around a text


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: row["kind"])
def test_no_tokenizer_makes_more_of_a_text_than_is_held(row):
    text = row["text"]
    in_json = json.dumps(text, ensure_ascii=False)[1:-1]
    for form in (text, in_json):
        bound = most_tokens(form.encode()) * BEYOND.get(row["kind"], 1.0)
        assert bound + TEMPLATE >= row["tokens"], row["by"]


def test_what_is_held_for_words_and_code_is_no_more_than_half_as_much_again_as_today():
    everyday = ("prose", "english docs", "python", "german", "spanish", "french", "f:README.md")
    rows = [row for row in COUNTS if row["kind"] in everyday]
    assert len(rows) >= 6
    for row in rows:
        size = len(row["text"].encode())
        assert most_tokens(row["text"].encode()) <= size / 3 * 1.5
