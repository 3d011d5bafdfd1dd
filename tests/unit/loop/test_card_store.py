"""The history of ability cards, on a real SQLite file."""

import pytest

from router.database import DatabaseError
from router.loop.card_store import CardStore


@pytest.fixture
def cards(database):
    made = CardStore(database)
    yield made
    made.close()


def promote(cards: CardStore, card: bytes, *, at: int = 1, classifier: str = "swift-1") -> int:
    return cards.promote("moe", classifier, card, reason="better", at=at)


def test_the_last_promoted_card_is_in_force_and_the_history_keeps_all(cards):
    assert [promote(cards, b"one", at=10), promote(cards, b"two", at=20)] == [1, 2]
    assert cards.active("swift-1") == {"moe": b"two"}
    assert [(card.number, card.active) for card in cards.history()] == [(1, False), (2, True)]
    assert cards.since("moe") == 20


def test_cards_of_another_classifier_are_not_in_force(cards):
    promote(cards, b"one")
    assert cards.active("swift-2") == {}


def test_a_name_of_one_ability_shows_its_history_alone(cards):
    promote(cards, b"one")
    cards.promote("local", "swift-1", b"other", reason="better", at=1)
    assert {card.name for card in cards.history("moe")} == {"moe"}


def test_rolling_back_puts_the_card_before_in_force_and_then_the_one_that_ships(cards):
    promote(cards, b"one")
    promote(cards, b"two")
    assert cards.roll_back("moe", at=30) == 1
    assert cards.active("swift-1") == {"moe": b"one"}
    assert cards.roll_back("moe", at=40) == 0
    assert cards.active("swift-1") == {}
    assert cards.roll_back("moe", at=50) is None
    assert cards.rolled_back("moe") == cards.since("moe") == 40


def test_of_replicas_that_would_refit_a_card_one_may(cards):
    assert cards.claim("moe", at=1_000, not_since=0)
    assert not cards.claim("moe", at=1_001, not_since=1_000)
    assert cards.claim("moe", at=2_001, not_since=1_001)


def test_a_store_without_its_database_says_so_in_our_own_words(tmp_path):
    with pytest.raises(DatabaseError):
        CardStore(f"sqlite:///{tmp_path / 'nowhere' / 'cards.db'}")
