"""Secrets of every kind, in every key of turnout.yaml, written in every way."""

import pytest
from trust.figures import Figures
from trust.misplaced import KEYS, SECRETS, WAYS, quoted, told, written


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_in_any_key_written_in_any_way_is_quoted(figures: Figures, secret: str):
    said = {(path, str(way)): told(written(path, way), secret) for path in KEYS for way in WAYS}
    leaks = [where for where, text in said.items() if quoted(text, secret)]
    figures.add("secrets in wrong keys", len(said))
    figures.add("leaked", len(leaks))
    assert leaks == []
