"""Where every protocol's servers tell what was used: a table each, in the shape of what they send.

A name leads to the counter that it tells (`router.counters`, fees of `router.units`), or to a table
of what stands inside. Sources: the providers' references, and the extractors of `genai-prices`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from router.counters import (
    AUDIO_IN,
    AUDIO_OUT,
    CACHED,
    CACHED_AUDIO,
    CACHED_IMAGE,
    CACHED_VIDEO,
    CITATION,
    IMAGE_IN,
    IMAGE_OUT,
    INPUT,
    OUTPUT,
    REASONING,
    VIDEO_IN,
    VIDEO_OUT,
    WRITTEN,
    WRITTEN_1H,
)
from router.units import CODE_EXECUTION, FEES, FILE_SEARCH, SECOND, SOCIAL_SEARCH, WEB_SEARCH

# Told, but no counters of their own.
TOTAL: Final = "total"
TOOL_INPUT: Final = "tool_input"  # what hosted tools gave the model to read, beside the prompt
WRITTEN_5M: Final = "cache_write_5m"
# Names under which Anthropic counts beside the input; others took the names over, and some of them
# count within the prompt.
APART_CACHED: Final = "cached_apart"
APART_WRITTEN: Final = "written_apart"
APART_REASONING: Final = "reasoning_apart"  # of the answer, or beside it: servers differ
TIER: Final = "tier"
# What counts tell beside tokens.
UNITS_TOLD: Final = (*FEES, SECOND)


class Kinds(NamedTuple):
    """A list of objects, each of a kind: where it says which, where how many, and the counters."""

    kind: str
    tokens: str
    counters: Mapping[str, str]


Table = Mapping[str, Any]  # name -> counter, Table or Kinds


def _table(*tables: Mapping[str, Any]) -> Table:
    merged: dict[str, Any] = {}
    for table in tables:
        merged |= table
    return MappingProxyType(merged)


_HOURS: Final = MappingProxyType(
    {"ephemeral_5m_input_tokens": WRITTEN_5M, "ephemeral_1h_input_tokens": WRITTEN_1H}
)
_TOOLS: Final = MappingProxyType(
    {
        "web_search_requests": WEB_SEARCH,
        "code_execution_requests": CODE_EXECUTION,
        # xAI's
        "web_search_calls": WEB_SEARCH,
        "x_search_calls": SOCIAL_SEARCH,
        "code_interpreter_calls": CODE_EXECUTION,
        "file_search_calls": FILE_SEARCH,
        "document_search_calls": FILE_SEARCH,
    }
)
# What is told alike wherever it is told.
_ANYWHERE: Final = MappingProxyType(
    {
        "server_tool_use": _TOOLS,
        "server_side_tool_usage_details": _TOOLS,  # xAI's
        "service_tier": TIER,
        "speed": TIER,  # Anthropic's
        "inference_geo": TIER,  # Anthropic's
    }
)
_OF_INPUT: Final = MappingProxyType(
    {
        "cached_tokens": CACHED,
        "cached_read_tokens": CACHED,
        "cache_read_input_tokens": CACHED,
        "cached_tokens_details": {
            "audio_tokens": CACHED_AUDIO,
            "image_tokens": CACHED_IMAGE,
            "video_tokens": CACHED_VIDEO,
        },
        "cache_write_tokens": WRITTEN,
        "cached_write_tokens": WRITTEN,
        "cache_creation_tokens": WRITTEN,  # LiteLLM's
        "cache_creation_input_tokens": WRITTEN,  # DashScope's
        "cache_creation": _HOURS,  # DashScope's
        "cache_creation_token_details": _HOURS,  # LiteLLM's
        "audio_tokens": AUDIO_IN,
        "image_tokens": IMAGE_IN,
        "video_tokens": VIDEO_IN,
        "web_search_requests": WEB_SEARCH,  # LiteLLM's
    }
)
_OF_OUTPUT: Final = MappingProxyType(
    {
        "reasoning_tokens": REASONING,
        "thinking_tokens": REASONING,
        "audio_tokens": AUDIO_OUT,
        "image_tokens": IMAGE_OUT,
        "video_tokens": VIDEO_OUT,
    }
)
# Completions, responses, embeddings, pictures, speech and transcripts of OpenAI's and of those who
# speak like them.
OPENAI: Final = _table(
    _ANYWHERE,
    {
        "prompt_tokens": INPUT,
        "input_tokens": INPUT,
        "completion_tokens": OUTPUT,
        "output_tokens": OUTPUT,
        "total_tokens": TOTAL,
        "prompt_tokens_details": _OF_INPUT,
        "prompt_token_details": _OF_INPUT,  # Mistral's second name for it
        "input_tokens_details": _OF_INPUT,
        "input_token_details": _OF_INPUT,
        "completion_tokens_details": _OF_OUTPUT,
        "output_tokens_details": _OF_OUTPUT,
        "output_token_details": _OF_OUTPUT,
        "prompt_cache_hit_tokens": CACHED,  # DeepSeek's
        "cached_tokens": CACHED,  # Moonshot's, Together's
        "num_cached_tokens": CACHED,  # Mistral's
        "cached_prompt_text_tokens": CACHED,  # xAI's
        "cache_read_input_tokens": APART_CACHED,
        "cache_creation_input_tokens": APART_WRITTEN,
        "cache_creation": _HOURS,
        "reasoning_tokens": APART_REASONING,  # Perplexity's, Databricks'
        "citation_tokens": CITATION,  # Perplexity's
        "num_search_queries": WEB_SEARCH,  # Perplexity's
        "tool_calls_details": {"search_web": {"invocation": WEB_SEARCH}},  # Perplexity's
        "billed_units": {"input_tokens": INPUT, "output_tokens": OUTPUT},  # Cohere's
        "prompt_audio_seconds": SECOND,  # Mistral's: sound costs by the second
        "extra_properties": {"google": {"traffic_type": TIER}},  # Vertex'
        # Bedrock's Converse, as some proxies pass it on.
        "inputTokens": INPUT,
        "outputTokens": OUTPUT,
        "totalTokens": TOTAL,
        "cacheReadInputTokens": APART_CACHED,
        "cacheWriteInputTokens": APART_WRITTEN,
        "cacheDetails": Kinds("ttl", "inputTokens", {"5m": WRITTEN_5M, "1h": WRITTEN_1H}),
    },
)
# Anthropic's: what was read from a cache and written to one stands beside the input.
MESSAGES: Final = _table(
    _ANYWHERE,
    {
        "input_tokens": INPUT,
        "output_tokens": OUTPUT,
        "cache_read_input_tokens": CACHED,
        "cache_creation_input_tokens": WRITTEN,
        "cache_creation": _HOURS,
        "output_tokens_details": _OF_OUTPUT,
    },
)
# Rounds of one answer that its totals leave out: the summary of a conversation that grew too long,
# and what another model was asked.
ROUNDS_APART: Final = frozenset({"compaction", "advisor_message"})

_IN: Final = {"AUDIO": AUDIO_IN, "IMAGE": IMAGE_IN, "DOCUMENT": IMAGE_IN, "VIDEO": VIDEO_IN}
_OUT: Final = {"AUDIO": AUDIO_OUT, "IMAGE": IMAGE_OUT, "VIDEO": VIDEO_OUT}
_READ: Final = {
    "AUDIO": CACHED_AUDIO,
    "IMAGE": CACHED_IMAGE,
    "DOCUMENT": CACHED_IMAGE,
    "VIDEO": CACHED_VIDEO,
}
# Google's: thoughts and what tools gave to read stand beside the rest.
GEMINI: Final = _table(
    {
        "promptTokenCount": INPUT,
        "toolUsePromptTokenCount": TOOL_INPUT,
        "cachedContentTokenCount": CACHED,
        "candidatesTokenCount": OUTPUT,
        "thoughtsTokenCount": REASONING,
        "totalTokenCount": TOTAL,
        "promptTokensDetails": Kinds("modality", "tokenCount", _IN),
        "toolUsePromptTokensDetails": Kinds("modality", "tokenCount", _IN),
        "cacheTokensDetails": Kinds("modality", "tokenCount", _READ),
        "candidatesTokensDetails": Kinds("modality", "tokenCount", _OUT),
        "trafficType": TIER,  # Vertex'
        "serviceTier": TIER,
    }
)
OLLAMA: Final = _table({"prompt_eval_count": INPUT, "eval_count": OUTPUT})
REPLICATE: Final = _table({"input_token_count": INPUT, "output_token_count": OUTPUT})

# Classes of service that cost what is usual: none of them is told.
USUAL_TIERS: Final = frozenset(
    {
        *("", "auto", "default", "standard", "standard_only", "on_demand", "unspecified"),
        *("scale", "reserved", "provisioned_throughput", "traffic_type_unspecified"),
        *("global", "not_available"),
    }
)
# Others' words for the same class.
SAME_TIERS: Final = MappingProxyType(
    {
        "on_demand_priority": "priority",
        "on_demand_flex": "flex",
        "service_tier_priority": "priority",
        "service_tier_flex": "flex",
        "service_tier_standard": "standard",
        "service_tier_unspecified": "unspecified",
    }
)
# Items of a response that stand for what costs a fee.
FEES_OF_ITEMS: Final = MappingProxyType(
    {
        "web_search_call": WEB_SEARCH,
        "file_search_call": FILE_SEARCH,
        "code_interpreter_call": CODE_EXECUTION,
        "x_search_call": SOCIAL_SEARCH,
    }
)
# What a search of the web does besides searching, for nothing.
FREE_ACTIONS: Final = frozenset({"open_page", "find_in_page", "find"})
# Families of models whose searches of the web cost once an answer, however many they were.
SEARCHES_ONCE: Final = ("gemini-1.", "gemini-2.")
