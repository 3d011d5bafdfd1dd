"""Load as servers tell it, energy as operators know it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.energy import Energy, EnergyProfile, Provenance, energy_of
from router.backends.health.load import Load, read_load

VLLM = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{reason="x"} 9.0
"""
SGLANG = b'sglang:num_running_reqs{model_name="m"} 5\nsglang:num_queue_reqs{model_name="m"} 1\n'
LLAMA = b"llamacpp:requests_processing 2\nllamacpp:requests_deferred 6\n"
SLOTS = b'[{"id":0,"is_processing":true},{"id":1,"is_processing":false}]'


@pytest.mark.parametrize(
    ("page", "load"),
    [
        (VLLM, Load(7, 2)),
        (SGLANG, Load(5, 1)),
        (LLAMA, Load(2, 6)),
        (SLOTS, Load(1, 0)),
        (b"process_cpu_seconds_total 1\n", None),
        (b"<html>", None),
        (b"", None),
        (b"[oops", None),
        (b"llamacpp:requests_processing 1e\n", None),
    ],
)
def test_load_is_read_from_each_servers_own_words(page: bytes, load: Load | None) -> None:
    assert read_load(page) == load


@given(st.binary(max_size=300))
def test_any_page_is_survived(page: bytes) -> None:
    assert read_load(page) is None or isinstance(read_load(page), Load)


def test_measured_watts_are_shared_among_those_that_ran_at_once() -> None:
    profile = EnergyProfile(Provenance.MEASURED, watts=300.0, joules_per_output_token=9.0)
    spent = energy_of(profile, input_tokens=1, output_tokens=1, busy_seconds=2.0, at_once=3)
    assert spent == Energy(200_000, Provenance.MEASURED)


def test_declared_joules_count_by_the_token() -> None:
    profile = EnergyProfile(joules_per_output_token=0.4, joules_per_input_token=0.01)
    spent = energy_of(profile, input_tokens=100, output_tokens=50, busy_seconds=9.0)
    assert spent == Energy(21_000, Provenance.DECLARED)


def test_what_is_not_known_is_not_zero() -> None:
    assert energy_of(None, input_tokens=1, output_tokens=1, busy_seconds=1.0) is None
    nothing = EnergyProfile()
    assert energy_of(nothing, input_tokens=1, output_tokens=1, busy_seconds=1.0) is None
