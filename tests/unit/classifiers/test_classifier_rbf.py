import numpy as np
import pytest

from classifiers.artifact import ArtifactError
from classifiers.cards.ability import Ability, Heads
from classifiers.cards.card_format import from_json, to_json
from classifiers.cards.rbf import CENTERS, RadialBasis, centers_among, kernel, whitening

E = 8


def cloud(size: int, *, seed: int = 0, middle: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (middle + random.normal(size=(size, E)) / 8).astype(np.float32)


def test_kernel_is_one_at_a_place_and_falls_with_the_distance() -> None:
    centers = np.eye(2, E, dtype=np.float32)
    near = kernel(centers, centers)
    assert np.diag(near) == pytest.approx([1.0, 1.0])
    assert near[0, 1] == pytest.approx(np.exp(-3.0 * 2.0), rel=1e-5)


def test_centers_are_middles_of_the_outcomes_and_never_more_than_the_limit() -> None:
    rows = cloud(1000)
    centers = centers_among(rows)
    assert centers.shape == (CENTERS, E)
    assert (centers >= rows.min(axis=0)).all()
    assert (centers <= rows.max(axis=0)).all()
    assert np.array_equal(centers, centers_among(rows))
    assert len(centers_among(cloud(5))) == 5


def test_outcomes_that_are_all_alike_give_centers_and_finite_columns() -> None:
    rows = np.repeat(cloud(1), 300, axis=0)
    centers = centers_among(rows)
    assert np.isfinite(kernel(rows.astype(float), centers.astype(float)) @ whitening(centers)).all()


def test_other_centers_of_the_same_traffic_say_nearly_the_same() -> None:
    random = np.random.default_rng(1)
    old = RadialBasis(centers_among(cloud(600)), random.normal(size=CENTERS).astype(np.float32))
    new = old.restated_on(centers_among(cloud(600, seed=5)))
    unseen = cloud(300, seed=9)
    text, again = old.logits(unseen), new.logits(unseen)
    assert np.abs(text - again).mean() < 0.1 * text.std()


def card(name: str, seed: int) -> Ability:
    random = np.random.default_rng(seed)
    centers = centers_among(cloud(300, seed=seed))
    rbf = RadialBasis(centers, random.normal(size=len(centers)).astype(np.float32))
    return Ability(name, "swift-test", np.ones(4, dtype=np.float32), 0.5, rbf=rbf)


def test_a_card_with_centers_survives_being_written() -> None:
    mine, z, rows = card("mine", 1), np.zeros((50, 4), dtype=np.float32), cloud(50)
    again = from_json(to_json(mine), where="mine.json")
    assert np.allclose(mine.probabilities(z, rows), again.probabilities(z, rows), atol=1e-6)


def test_cards_with_and_without_centers_side_by_side_say_what_each_says_alone() -> None:
    plain = Ability("plain", "swift-test", np.ones(4, dtype=np.float32), -0.5)
    cards, z, rows = [card("one", 1), plain, card("two", 2)], np.ones((9, 4), np.float32), cloud(9)
    together = Heads.of(cards).probabilities(z, rows)
    for column, one in enumerate(cards):
        assert np.allclose(together[:, column], one.probabilities(z, rows), atol=1e-6)


@pytest.mark.parametrize("number", [1, 3])
def test_a_card_of_a_format_not_known_is_refused_with_what_to_do(number: int) -> None:
    text = to_json(card("mine", 1)).replace(b'"format": 2', b'"format": %d' % number)
    with pytest.raises(ArtifactError, match=r"format 2\. Fit it again"):
        from_json(text, where="mine.json")


def test_a_card_whose_centers_do_not_fit_its_weights_is_refused() -> None:
    whole = to_json(card("mine", 1)).decode()
    start = whole.index('"centers": "') + len('"centers": "')
    with pytest.raises(ArtifactError, match="not a usable ability card"):
        from_json((whole[:start] + whole[start + 4 :]).encode(), where="mine.json")
