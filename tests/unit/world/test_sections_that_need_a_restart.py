"""A reload takes a section of turnout.yaml or says that it takes a restart: none is left out."""

from router.world.config import Config
from router.world.reload import FIXED

TAKEN = {"version", "policy", "prices", "backends", "estimate", "operations", "savings"}


def test_every_section_is_taken_by_a_reload_or_needs_a_restart_and_says_so() -> None:
    assert set(Config.model_fields) - TAKEN == set(FIXED)
