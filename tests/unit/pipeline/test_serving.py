"""The corridor's collaborators: what a reload swaps, and what it leaves."""

from fakes.corridor import FakeCorridor
from fakes.world import FIXED, new_world

OTHER = "version: 1\nroutes: {other: {candidates: [moe], objective: fixed}}\n"


def test_a_new_snapshot_is_served_by_and_its_backends_are_known():
    corridor = FakeCorridor.answering()
    serving = corridor.serving()
    old, new = serving.snapshot, new_world(OTHER)
    ledger, observers, history = serving.ledger, serving.observers, serving.history
    serving.adopt(new)
    assert serving.snapshot is new
    assert corridor.backends.adopted == list(new.backends)
    assert (serving.ledger, serving.observers, serving.history) == (ledger, observers, history)
    assert old is corridor.world


def test_backends_are_known_before_the_first_request_is_decided_by_the_new_snapshot():
    corridor = FakeCorridor.answering()
    serving = corridor.serving()
    seen = []
    adopt = corridor.backends.adopt

    def looking(backends) -> None:
        seen.append(serving.snapshot)
        adopt(backends)

    corridor.backends.adopt = looking
    serving.adopt(new_world(FIXED))
    assert seen == [corridor.world]
