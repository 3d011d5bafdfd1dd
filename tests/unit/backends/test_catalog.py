"""The presets: whole, and each of a dialect that exists."""

from router.backends.backend import FEATURES
from router.backends.catalog import load_catalog
from router.backends.credentials.table import KINDS
from router.backends.dialects.table import DIALECTS

ASKED_FOR = [
    *("openai", "anthropic", "gemini", "mistral", "deepseek", "dashscope", "zhipu", "minimax"),
    *("moonshot", "azure", "azure-anthropic", "bedrock", "bedrock-anthropic", "vertex"),
    *("vertex-anthropic", "vertex-openai", "openrouter", "xai", "deepinfra", "nvidia", "novita"),
    *("cohere", "huggingface", "groq", "together", "cerebras", "fireworks", "databricks"),
    *("replicate", "llama.cpp", "vllm", "sglang", "tensorrt-llm", "nim", "ollama", "ollama-native"),
    "lm-studio",
]


def test_every_provider_asked_for_is_there() -> None:
    assert list(load_catalog()) == ASKED_FOR


def test_each_speaks_a_dialect_that_exists_and_supports_what_exists() -> None:
    for provider in load_catalog().values():
        assert provider.dialect in DIALECTS
        assert set(provider.supports) <= FEATURES
        assert set(provider.depends) <= FEATURES - set(provider.supports)


def test_hosted_providers_are_reached_by_tls_and_name_their_credential() -> None:
    for name, provider in load_catalog().items():
        if (provider.base_url or "").startswith("http://127.0.0.1"):
            continue  # self-hosted
        assert provider.key_variable, name
        for address in (provider.base_url, *provider.regions.values()):
            assert address is None or address.startswith("https://"), name


def test_credentials_of_presets_are_of_a_kind_that_exists() -> None:
    named = {provider.credentials for provider in load_catalog().values()} - {None}
    assert named <= {kind.key for kind in KINDS.values()}


def test_quirks_are_what_the_file_says() -> None:
    quirks = load_catalog()["mistral"].quirks
    assert quirks.token_param == "max_tokens"
    assert not quirks.stream_options
    assert quirks.rename["seed"] == "random_seed"
    assert "logprobs" in quirks.drop
