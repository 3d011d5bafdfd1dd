"""Counts written in any provider's spelling are read back, and cost the sum of counter by rate."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.counters import (
    AUDIO_IN,
    AUDIO_OUT,
    CACHED,
    CACHED_AUDIO,
    IMAGE_IN,
    IMAGE_OUT,
    INPUT,
    OUTPUT,
    REASONING,
    TOKENS,
    WRITTEN,
    WRITTEN_1H,
)
from router.domain import Usage
from router.prices.price import Price
from router.protocols.gemini.usage import lines_of
from router.protocols.hub.usage_lines import billed, lines_of_usage
from router.protocols.messages.usage import read_lines as of_messages
from router.protocols.responses.usage import read_lines as of_responses
from router.protocols.spellings import OPENAI
from router.protocols.told import told

Counts = Mapping[str, int]  # tokens of each kind and of no other: they add up to what was used
SOME = st.integers(0, 10**6)
KINDS = (INPUT, OUTPUT, CACHED, WRITTEN, WRITTEN_1H, REASONING)
SOUNDS = (AUDIO_IN, AUDIO_OUT, IMAGE_IN, IMAGE_OUT, CACHED_AUDIO)
RATES = st.fixed_dictionaries({name: st.integers(0, 10**8) for name in TOKENS})


def counts(*names: str) -> st.SearchStrategy[dict[str, int]]:
    return st.fixed_dictionaries(dict.fromkeys(names, SOME))


def prompt(c: Counts) -> int:
    of_input = (INPUT, CACHED, WRITTEN, WRITTEN_1H, AUDIO_IN, IMAGE_IN, CACHED_AUDIO)
    return sum(c.get(name, 0) for name in of_input)


def answer(c: Counts) -> int:
    return sum(c.get(name, 0) for name in (OUTPUT, REASONING, AUDIO_OUT, IMAGE_OUT))


def details(c: Counts) -> tuple[dict[str, Any], dict[str, Any]]:
    of_input = {
        "cached_tokens": c.get(CACHED, 0) + c.get(CACHED_AUDIO, 0),
        "audio_tokens": c.get(AUDIO_IN, 0) + c.get(CACHED_AUDIO, 0),
        "image_tokens": c.get(IMAGE_IN, 0),
        "cached_tokens_details": {"audio_tokens": c.get(CACHED_AUDIO, 0)},
    }
    of_output = {
        "reasoning_tokens": c.get(REASONING, 0),
        "audio_tokens": c.get(AUDIO_OUT, 0),
        "image_tokens": c.get(IMAGE_OUT, 0),
    }
    return of_input, of_output


def of_openai(c: Counts) -> Usage | None:
    of_input, of_output = details(c)
    of_input |= {"cache_write_tokens": c[WRITTEN] + c[WRITTEN_1H]}
    of_input |= {"cache_creation": {"ephemeral_1h_input_tokens": c[WRITTEN_1H]}}
    usage = {"prompt_tokens": prompt(c), "completion_tokens": answer(c)}
    usage |= {"total_tokens": prompt(c) + answer(c), "prompt_tokens_details": of_input}
    return told(usage | {"completion_tokens_details": of_output}, OPENAI)


def of_a_response(c: Counts) -> Usage | None:
    of_input, of_output = details(c)
    of_input |= {"cache_write_tokens": c[WRITTEN] + c[WRITTEN_1H]}
    of_input |= {"cache_creation": {"ephemeral_1h_input_tokens": c[WRITTEN_1H]}}
    usage = {"input_tokens": prompt(c), "output_tokens": answer(c)}
    usage |= {"input_tokens_details": of_input, "output_tokens_details": of_output}
    return billed(of_responses(usage))


def beside(c: Counts) -> Usage | None:
    """As proxies tell Anthropic's counts: the cache beside the prompt, and in the total."""
    of_output = {"reasoning_tokens": c[REASONING]}
    usage = {"prompt_tokens": c[INPUT], "completion_tokens": answer(c)}
    usage |= {"total_tokens": prompt(c) + answer(c), "cache_read_input_tokens": c[CACHED]}
    usage |= {"cache_creation_input_tokens": c[WRITTEN] + c[WRITTEN_1H]}
    usage |= {"cache_creation": {"ephemeral_1h_input_tokens": c[WRITTEN_1H]}}
    return told(usage | {"completion_tokens_details": of_output}, OPENAI)


def of_anthropic(c: Counts) -> Usage | None:
    split = {
        "ephemeral_5m_input_tokens": c[WRITTEN],
        "ephemeral_1h_input_tokens": c[WRITTEN_1H],
    }
    usage: dict[str, Any] = {"input_tokens": c[INPUT], "output_tokens": answer(c)}
    usage |= {"cache_read_input_tokens": c[CACHED], "cache_creation": split}
    usage |= {"cache_creation_input_tokens": c[WRITTEN] + c[WRITTEN_1H]}
    return billed(of_messages(usage | {"output_tokens_details": {"thinking_tokens": c[REASONING]}}))


def of_google(c: Counts) -> Usage | None:
    def listed(**modalities: int) -> list[dict[str, Any]]:
        return [{"modality": name, "tokenCount": some} for name, some in modalities.items()]

    sound = c[AUDIO_IN] + c[CACHED_AUDIO]
    usage = {
        "promptTokenCount": prompt(c),
        "cachedContentTokenCount": c[CACHED] + c[CACHED_AUDIO],
        "candidatesTokenCount": answer(c) - c[REASONING],
        "thoughtsTokenCount": c[REASONING],
        "totalTokenCount": prompt(c) + answer(c),
        "promptTokensDetails": listed(AUDIO=sound, IMAGE=c[IMAGE_IN]),
        "cacheTokensDetails": listed(AUDIO=c[CACHED_AUDIO]),
        "candidatesTokensDetails": listed(AUDIO=c[AUDIO_OUT], IMAGE=c[IMAGE_OUT]),
    }
    return billed(lines_of({"usageMetadata": usage}, set()))


SPELLINGS: list[tuple[Callable[[Counts], Usage | None], tuple[str, ...]]] = [
    (of_openai, (*KINDS, *SOUNDS)),
    (of_a_response, (*KINDS, *SOUNDS)),
    (beside, KINDS),
    (of_anthropic, KINDS),
    (of_google, (INPUT, OUTPUT, CACHED, REASONING, *SOUNDS)),
]


@pytest.mark.parametrize(("read", "names"), SPELLINGS, ids=lambda one: getattr(one, "__name__", ""))
@given(data=st.data(), rates=RATES)
def test_a_usage_costs_the_sum_of_its_counters_times_their_rates_in_every_spelling(
    read: Callable[[Counts], Usage | None],
    names: tuple[str, ...],
    data: st.DataObject,
    rates: dict[str, int],
) -> None:
    told_counts = data.draw(counts(*names))
    usage = read(told_counts)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (prompt(told_counts), answer(told_counts))
    parts = tuple((name, rate) for name, rate in rates.items() if name in NO_FIELDS)
    price = Price(rates[INPUT], rates[OUTPUT], rates[CACHED], rates[WRITTEN], parts=parts)
    by_hand = sum(tokens * rates[name] for name, tokens in told_counts.items())
    assert price.cost(usage) == by_hand
    assert billed(lines_of_usage(usage)) == usage


NO_FIELDS = TOKENS.keys() - {INPUT, OUTPUT, CACHED, WRITTEN}
NUMBERS = st.one_of(st.integers(-1, 60), st.sampled_from([None, True, 1.0, "1", 2**31, {}, []]))
PLACES = st.sampled_from(
    [
        *("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "citation_tokens"),
        *("prompt_cache_hit_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        *("reasoning_tokens", "input_tokens", "inputTokens", "num_search_queries"),
    ]
)
INSIDE = st.dictionaries(
    st.sampled_from(
        [
            *("cached_tokens", "audio_tokens", "image_tokens", "cache_write_tokens"),
            *("reasoning_tokens", "ephemeral_1h_input_tokens"),
        ]
    ),
    NUMBERS,
    max_size=4,
)
WITHIN = st.sampled_from(["prompt_tokens_details", "completion_tokens_details", "cache_creation"])


@given(
    outside=st.dictionaries(PLACES, NUMBERS, max_size=8),
    inside=st.dictionaries(WITHIN, INSIDE, max_size=3),
)
def test_whatever_is_told_its_parts_fit_into_their_wholes_and_nothing_costs_less_than_nothing(
    outside: dict[str, Any], inside: dict[str, Any]
) -> None:
    usage = told(outside | inside, OPENAI)
    if usage is None:
        return
    parts = dict(usage.parts)
    assert all(tokens > 0 for tokens in parts.values())
    fresh = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    if usage.input_tokens >= 0:
        assert sum(parts.get(name, 0) for name in (AUDIO_IN, IMAGE_IN)) <= fresh
    assert parts.get(WRITTEN_1H, 0) <= usage.cache_write_tokens
    assert usage.reasoning_tokens <= max(usage.output_tokens, 0)
    assert billed(lines_of_usage(usage)) == usage
