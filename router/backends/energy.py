"""Energy of a request, in millijoules, with where the figure comes from. Pure.

Three ways to know, the best one first:
    measured   watts of a meter (a power counter, a smart socket), times the seconds it was busy,
               shared among the requests that ran at once
    declared   joules per token that the operator states, from a measurement made once
    unknown    nothing is known: nothing is claimed, least of all zero
"""

from dataclasses import dataclass
from enum import StrEnum


class Provenance(StrEnum):
    """Where a figure of energy comes from."""

    MEASURED = "measured"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class EnergyProfile:
    """What is known of a backend's consumption. Joules are per token, watts for the whole machine
    while it is busy. Where both are given, watts count."""

    provenance: Provenance = Provenance.DECLARED
    joules_per_output_token: float | None = None
    joules_per_input_token: float = 0.0
    watts: float | None = None


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of one request: whole millijoules, and where the figure comes from."""

    millijoules: int
    provenance: Provenance


def energy_of(
    profile: EnergyProfile | None,
    *,
    input_tokens: int,
    output_tokens: int,
    busy_seconds: float,
    at_once: int = 1,
) -> Energy | None:
    """What one request consumed; None where nothing is known.

    `busy_seconds` is from its dispatch to its last byte, `at_once` how many requests shared the
    machine meanwhile, itself included.
    """
    if profile is None:
        return None
    if profile.watts is not None:
        joules = profile.watts * busy_seconds / max(1, at_once)
    elif profile.joules_per_output_token is not None:
        joules = (
            profile.joules_per_output_token * output_tokens
            + profile.joules_per_input_token * input_tokens
        )
    else:
        return None
    return Energy(round(joules * 1000), profile.provenance)
