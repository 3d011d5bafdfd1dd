"""The parameters that each protocol knows. A key that is one of these in another spelling, or that
some server takes for one that is metered, is refused by name: it would be metered as nothing."""

from types import MappingProxyType
from typing import Final

from router.protocols.aliases import KnownKeys

# What servers of the OpenAI family call the output limit besides.
OTHER_LIMITS: Final = MappingProxyType(
    dict.fromkeys(("n_predict", "num_predict", "max_new_tokens", "max_output_tokens"), "max_tokens")
)

CHAT: Final = KnownKeys(
    (
        *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"),
        *("n", "user", "tools", "tool_choice", "parallel_tool_calls", "functions"),
        *("function_call", "response_format", "temperature", "top_p", "top_k", "min_p", "seed"),
        *("stop", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs"),
        *("top_logprobs", "reasoning_effort", "modalities", "audio", "prediction", "store"),
        *("metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention"),
        *("safety_identifier", "verbosity", "web_search_options", "extra_body"),
    ),
    OTHER_LIMITS,
)
STREAM_OPTIONS: Final = KnownKeys(("include_usage", "include_obfuscation"))
MESSAGES: Final = KnownKeys(
    (
        *("model", "messages", "system", "max_tokens", "stream", "stop_sequences", "metadata"),
        *("temperature", "top_p", "top_k", "tools", "tool_choice", "thinking", "service_tier"),
        *("output_config", "output_format", "container", "context_management", "mcp_servers"),
        *("cache_control", "inference_geo", "speed"),
    ),
    OTHER_LIMITS,
)
METERED_OF_CHAT: Final = frozenset({"stream_options"})
METERED_OF_MESSAGES: Final = frozenset({"thinking", "metadata"})
