import numpy as np
import pytest

from classifiers.artifact import ArtifactError
from classifiers.cards.ability import Ability, Heads, from_json, to_json
from classifiers.cards.rbf import PLACES, Nearby, closeness, places_among, whitening

E = 8


def cloud(size: int, *, seed: int = 0, middle: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (middle + random.normal(size=(size, E)) / 8).astype(np.float32)


def test_closeness_is_one_at_a_place_and_falls_with_the_distance() -> None:
    places = np.eye(2, E, dtype=np.float32)
    near = closeness(places, places)
    assert np.diag(near) == pytest.approx([1.0, 1.0])
    assert near[0, 1] == pytest.approx(np.exp(-3.0 * 2.0), rel=1e-5)


def test_places_are_middles_of_the_outcomes_and_never_more_than_the_limit() -> None:
    rows = cloud(1000)
    places = places_among(rows)
    assert places.shape == (PLACES, E)
    assert (places >= rows.min(axis=0)).all()
    assert (places <= rows.max(axis=0)).all()
    assert np.array_equal(places, places_among(rows))
    assert len(places_among(cloud(5))) == 5


def test_outcomes_that_are_all_alike_give_places_and_finite_columns() -> None:
    rows = np.repeat(cloud(1), 300, axis=0)
    places = places_among(rows)
    assert np.isfinite(
        closeness(rows.astype(float), places.astype(float)) @ whitening(places)
    ).all()


def test_other_places_of_the_same_traffic_say_nearly_the_same() -> None:
    random = np.random.default_rng(1)
    old = Nearby(places_among(cloud(600)), random.normal(size=PLACES).astype(np.float32))
    new = old.moved_to(places_among(cloud(600, seed=5)))
    unseen = cloud(300, seed=9)
    said, again = old.logits(unseen), new.logits(unseen)
    assert np.abs(said - again).mean() < 0.1 * said.std()


def card(name: str, seed: int) -> Ability:
    random = np.random.default_rng(seed)
    places = places_among(cloud(300, seed=seed))
    nearby = Nearby(places, random.normal(size=len(places)).astype(np.float32))
    return Ability(name, "swift-test", np.ones(4, dtype=np.float32), 0.5, nearby=nearby)


def test_a_card_with_places_survives_being_written() -> None:
    mine, z, rows = card("mine", 1), np.zeros((50, 4), dtype=np.float32), cloud(50)
    again = from_json(to_json(mine), where="mine.json")
    assert np.allclose(mine.probabilities(z, rows), again.probabilities(z, rows), atol=1e-6)


def test_cards_with_and_without_places_side_by_side_say_what_each_says_alone() -> None:
    plain = Ability("plain", "swift-test", np.ones(4, dtype=np.float32), -0.5)
    cards, z, rows = [card("one", 1), plain, card("two", 2)], np.ones((9, 4), np.float32), cloud(9)
    together = Heads.of(cards).probabilities(z, rows)
    for column, one in enumerate(cards):
        assert np.allclose(together[:, column], one.probabilities(z, rows), atol=1e-6)


def test_a_card_of_the_first_format_is_still_read() -> None:
    old = to_json(Ability("old", "swift-test", np.ones(4, np.float32), 0.0, np.ones(E, np.float32)))
    first = old.replace(b'"format": 2', b'"format": 1')
    assert first != old
    assert from_json(first, where="old.json").residual is not None


def test_a_card_of_a_format_not_known_is_refused_with_what_to_do() -> None:
    text = to_json(card("mine", 1)).replace(b'"format": 2', b'"format": 3')
    with pytest.raises(ArtifactError, match=r"format 1 or 2\. Fit it again"):
        from_json(text, where="mine.json")


def test_a_card_whose_places_do_not_fit_its_weights_is_refused() -> None:
    whole = to_json(card("mine", 1)).decode()
    start = whole.index('"places": "') + len('"places": "')
    with pytest.raises(ArtifactError, match="not a usable ability card"):
        from_json((whole[:start] + whole[start + 4 :]).encode(), where="mine.json")
