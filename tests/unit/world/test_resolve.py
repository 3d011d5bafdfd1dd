"""From a backend's section to the backend: its own words, then its provider's, then defaults."""

from typing import Any

import pytest

from router.backends.backend import FEATURES, Capacity, Timeouts
from router.backends.catalog import load_catalog
from router.backends.energy import Provenance
from router.prices.book import PriceBook
from router.world.config import BackendSection
from router.world.resolve import Resolved, resolve

OWN = {"base_url": "http://127.0.0.1:1/v1", "model": "m", "price": {"input": 1, "output": 2}}
HOSTED = {"provider": "mistral", "model": "m", "price": {"input": 1, "output": 2}}


def resolved(**section: Any) -> Resolved:
    return resolve("b", BackendSection.model_validate(section))


def backend_of(**section: Any):
    result = resolved(**section)
    assert not result.problems
    assert result.backend is not None
    return result.backend


def test_a_providers_word_on_the_cost_is_taken_where_its_preset_or_the_operator_says() -> None:
    own = {"provider": "openrouter", "model": "openai/gpt-oss-120b"}
    for section, taken in (
        (own, True),
        (own | {"reported_cost": False}, False),
        (OWN, False),
        (OWN | {"reported_cost": True}, True),
    ):
        price = PriceBook({"b": resolved(**section).price}).price("b")
        assert price.reported is taken


def test_a_list_price_is_found_under_the_name_that_the_operator_says() -> None:
    own_name = {"provider": "azure", "base_url": "https://r.example/openai/v1", "model": "mine"}
    assert resolved(**own_name).problems
    priced = resolved(**own_name, priced_as="gpt-5.5")
    assert priced.price == resolved(**(own_name | {"model": "gpt-5.5"})).price
    assert priced.backend is not None
    assert priced.backend.model == "mine"


def test_without_a_provider_a_server_is_taken_for_openais_own() -> None:
    backend = backend_of(**OWN)
    assert (backend.name, backend.base_url, backend.dialect) == ("b", OWN["base_url"], "openai")
    assert backend.quirks.token_param is None
    assert backend.timeouts == Timeouts()
    assert (backend.capacity, backend.energy, backend.ability) == (None, None, None)


@pytest.mark.parametrize(
    ("section", "supports", "unsaid"),
    [
        (OWN, frozenset(), FEATURES),
        (OWN | {"supports": []}, frozenset(), frozenset()),
        (OWN | {"supports": ["tools"]}, frozenset({"tools"}), frozenset()),
        (OWN | {"dialect": "anthropic"}, FEATURES, frozenset()),
        (OWN | {"dialect": "gemini"}, FEATURES, frozenset()),
        (OWN | {"dialect": "ollama"}, {"json_schema"}, {"tools", "vision"}),
        (OWN | {"provider": "llama.cpp"}, {"json_schema"}, {"tools", "vision"}),
        (OWN | {"provider": "vllm", "supports": ["vision"]}, {"vision"}, frozenset()),
        (HOSTED, FEATURES, frozenset()),
    ],
)
def test_what_a_backend_takes_is_said_by_itself_its_preset_or_its_dialect_alone(
    section: dict[str, Any], supports: frozenset[str], unsaid: frozenset[str]
) -> None:
    backend = backend_of(**section)
    assert (backend.supports, backend.unsaid) == (supports, unsaid)


def test_a_provider_gives_address_dialect_and_quirks() -> None:
    backend, preset = backend_of(**HOSTED), load_catalog()["mistral"]
    assert backend.base_url == preset.base_url
    assert backend.dialect == preset.dialect
    assert backend.quirks == preset.quirks
    assert backend.supports == frozenset(preset.supports)


def test_a_backends_own_words_win() -> None:
    backend = backend_of(
        **HOSTED,
        base_url="https://gateway.example/v1",
        dialect="openai",
        supports=["tools"],
        token_param="max_completion_tokens",
        drop=["top_k"],
        rename={"a": "b"},
        extra={"safe": True},
        stream_options=True,
    )
    preset = load_catalog()["mistral"].quirks
    assert backend.base_url == "https://gateway.example/v1"
    assert backend.supports == {"tools"}
    quirks = backend.quirks
    assert (quirks.token_param, quirks.stream_options) == ("max_completion_tokens", True)
    assert quirks.drop == preset.drop | {"top_k"}
    assert quirks.rename == {**preset.rename, "a": "b"}
    assert quirks.extra == {**preset.extra, "safe": True}


def test_keys_limits_and_energy_are_carried() -> None:
    backend = backend_of(
        **OWN,
        api_key="k1",
        api_keys=("k2",),
        capacity={"concurrency": 4, "queue": 2, "max_wait": "1s", "shared": True},
        timeouts={"connect": "1s"},
        energy={"watts": 200.0, "source": "measured"},
        context_window=8192,
        ability="local",
        hedge_after="2s",
    )
    assert (backend.api_key, backend.api_keys) == ("k1", ("k2",))
    assert "k1" not in repr(backend)
    assert backend.capacity == Capacity(4, 2, 1.0, shared=True)
    assert backend.timeouts.connect == 1.0
    assert backend.energy is not None
    assert (backend.energy.watts, backend.energy.provenance) == (200.0, Provenance.MEASURED)
    assert (backend.context_window, backend.ability) == (8192, "local")
    assert backend.hedge_after == 2.0


def test_prices_are_per_token_and_cached_input_costs_what_input_does_unless_it_is_said() -> None:
    price: Any = resolved(**OWN).price
    assert (price.input_pico, price.output_pico) == (1_000_000, 2_000_000)
    assert (price.cached_input_pico, price.cache_write_pico) == (1_000_000, None)
    full = {"input": 1, "output": 2, "cached_input": 0.1, "cache_write": 1.25}
    price = resolved(**(OWN | {"price": full})).price
    assert (price.cached_input_pico, price.cache_write_pico) == (100_000, 1_250_000)


def test_a_known_model_has_its_list_price_and_its_context_window() -> None:
    result = resolved(provider="deepseek", model="deepseek-chat", api_key="k")
    assert not result.problems
    assert result.price is not None
    assert result.backend is not None
    assert result.backend.context_window


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        ({"provider": "mistrol", "model": "m"}, "provider", "unknown provider `mistrol`"),
        ({**HOSTED, "region": "moon"}, "region", "unknown region `moon`"),
        ({"model": "m", "price": OWN["price"]}, "", "`b` has no address"),
        ({**OWN, "dialect": "morse"}, "dialect", "unknown dialect `morse`"),
        ({"provider": "mistral", "model": "no-such"}, "model", "no list price is known"),
        ({"base_url": OWN["base_url"], "model": "m"}, "", "no list price is known"),
    ],
)
def test_what_a_backend_lacks_is_said_at_the_key_it_is_about(section, key, message) -> None:
    result = resolved(**section)
    assert (result.backend, result.price) == (None, None)
    (problem,) = result.problems
    assert problem.key == key
    assert message in problem.message
    assert problem.hint


def test_a_misspelt_provider_is_told_the_one_that_was_meant() -> None:
    (problem,) = resolved(provider="mistrol", model="m").problems
    assert "mistral" in problem.hint


def test_a_backend_says_what_its_server_speaks_besides() -> None:
    assert backend_of(**OWN).speaks == frozenset()
    assert backend_of(**OWN, speaks=["responses"]).speaks == {"responses"}
    openai = {"provider": "openai", "model": "m", "price": {"input": 1, "output": 2}}
    assert backend_of(**openai).speaks == {"responses", "compactions"}
    assert backend_of(**openai, speaks=[]).speaks == frozenset()
    assert backend_of(**openai, dialect="responses").speaks == frozenset()


def test_a_backend_counts_as_it_says_else_as_its_preset_or_its_dialect() -> None:
    assert backend_of(**OWN).counts == "none"
    assert backend_of(**OWN, counts="tokenize").counts == "tokenize"
    assert backend_of(**OWN, dialect="anthropic").counts == "messages"
    assert backend_of(**OWN, dialect="anthropic", counts="none").counts == "none"
    assert backend_of(**OWN, provider="vllm").counts == "tokenize"
    assert backend_of(**OWN, provider="vllm", dialect="responses").counts == "responses"
    assert backend_of(**OWN, provider="vertex").counts == "vertex"


def test_a_way_to_count_that_no_server_of_a_dialect_has_is_a_mistake() -> None:
    (problem,) = resolved(**OWN, dialect="anthropic", counts="tokenize").problems
    assert (problem.key, "messages, none" in problem.hint) == ("counts", True)


@pytest.mark.parametrize(
    ("dialect", "speaks"),
    [("openai", "gemini"), ("anthropic", "responses"), ("openai", "chat"), ("gemini", "chat")],
)
def test_what_no_server_of_a_dialect_speaks_is_a_mistake(dialect: str, speaks: str) -> None:
    (problem,) = resolved(**OWN, dialect=dialect, speaks=[speaks]).problems
    assert problem.key == "speaks"
    assert speaks in problem.message


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ({"provider": "mistral"}, "mistral_ai"),
        ({"provider": "fireworks"}, "fireworks"),
        ({"base_url": "http://127.0.0.1:1/v1"}, "openai"),
        ({"base_url": "http://127.0.0.1:1/v1", "dialect": "responses"}, "openai"),
        ({"base_url": "http://127.0.0.1:1/v1", "dialect": "anthropic"}, "anthropic"),
        ({"base_url": "http://127.0.0.1:1", "dialect": "gemini"}, "gcp.gemini"),
    ],
)
def test_a_backend_is_called_in_traces_as_the_conventions_call_its_provider(section, name) -> None:
    assert backend_of(model="m", price={"input": 1, "output": 2}, **section).provider == name
