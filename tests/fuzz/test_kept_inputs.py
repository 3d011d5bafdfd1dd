"""What fuzzing found worth keeping holds, and a few neighbours of it; `make fuzz` looks further."""

import pytest
from fuzz.kept import CORPUS, MOST_KEPT, kept
from fuzz.targets import TARGETS
from fuzz.trying import tried

NEIGHBOURS = 60  # of the kept inputs, from a fixed seed


@pytest.mark.parametrize("name", TARGETS)
def test_every_kept_input_and_some_neighbours_hold(name: str) -> None:
    assert tried(name, TARGETS[name], NEIGHBOURS, seed=1) == len(kept(name)) + NEIGHBOURS


def test_every_target_has_kept_inputs_few_and_small() -> None:
    assert {path.stem for path in CORPUS.glob("*.txt")} == set(TARGETS)
    for name in TARGETS:
        assert 1 <= len(kept(name)) <= MOST_KEPT
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < 1_000_000


def test_the_edge_is_fuzzed_as_far_as_an_answer() -> None:
    """A target that is refused at the door finds nothing: one of its inputs must be served."""
    assert any(b"/v1/chat/completions" in data for data in kept("edge"))
