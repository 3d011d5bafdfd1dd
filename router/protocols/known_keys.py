"""The parameters that each protocol knows, and those that it refuses by name.

A key that is a known one in another spelling, or that some server takes for one that is metered,
would be metered as nothing. Where a request goes, and at whose price, is the operator's to say.
"""

from types import MappingProxyType
from typing import Final

from router.protocols.aliases import KnownKeys
from router.protocols.twins import fold

EXTRA_BODY: Final = "extra_body"  # some servers read what it holds as if it stood beside it
_EXTRA: Final = MappingProxyType({EXTRA_BODY: EXTRA_BODY})
# What servers call the output limit besides.
_LIMITS: Final = (
    *("max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_tokens_to_sample"),
    *("max_gen_len", "max_token_count", "max_length", "n_predict", "num_predict"),
    *("max_len", "max_generated_tokens", "max_generate_tokens", "max_completion_length"),
    *("max_output_length", "max_output_token", "max_decode_tokens", "max_response_tokens"),
    *("max_answer_tokens", "tokens_to_generate", "output_token_limit", "output_len"),
)
# What servers call the number of answers besides.
_CHOICES: Final = (
    *("best_of", "num_return_sequences", "num_generations", "num_outputs", "num_results"),
    *("candidate_count", "n_cmpl", "num_completions"),
)
OTHER_LIMITS: Final = MappingProxyType({**_EXTRA, **dict.fromkeys(_LIMITS, "max_tokens")})
OTHER_NUMBERS: Final = MappingProxyType({**OTHER_LIMITS, **dict.fromkeys(_CHOICES, "n")})
# Addresses and credentials, and how gateways behind this one are told to take another model.
OPERATORS: Final = MappingProxyType(
    dict.fromkeys(
        (
            *("api_base", "base_url", "api_key", "extra_headers", "user_config"),
            *("models", "model_list", "custom_llm_provider", "provider", "route", "preset"),
            *("fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "plugins"),
        ),
        "backends are set by the operator",
    )
)
# Of these, what is refused inside of other parameters too: no customer's label is called so.
PLACES: Final = KnownKeys(
    (),
    forbidden=dict.fromkeys(
        ("api_base", "base_url", "api_key", "extra_headers", "user_config"),
        "backends are set by the operator",
    ),
)
LABELS: Final = "metadata"  # where customers say what they like
# What no parameter that nobody knows may hold.
MEANT: Final = frozenset(map(fold, ("max_tokens", *_LIMITS, *_CHOICES, *OPERATORS)))
# Whatever is metered, or read for the policy, is read of the body itself.
_METERED: Final = (
    *("model", "messages", "system", "prompt", "suffix", "input", "tools", "functions"),
    *("response_format", "output_config", "thinking", "stream", "stream_options", "instructions"),
    *("text", "previous_response_id", "conversation", "background"),
    *("n", "max_tokens", "user", "metadata", EXTRA_BODY),
)
IN_EXTRA_BODY: Final = KnownKeys(
    (),
    forbidden={
        **dict.fromkeys((*_METERED, *_LIMITS, *_CHOICES), f"{EXTRA_BODY!r} is not metered"),
        **OPERATORS,
    },
)

CHAT: Final = KnownKeys(
    (
        *("model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"),
        *("n", "user", "tools", "tool_choice", "parallel_tool_calls", "functions"),
        *("function_call", "response_format", "temperature", "top_p", "top_k", "min_p", "seed"),
        *("stop", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs"),
        *("top_logprobs", "reasoning_effort", "modalities", "audio", "prediction", "store"),
        *("metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention"),
        *("safety_identifier", "verbosity", "web_search_options"),
    ),
    OTHER_NUMBERS,
    OPERATORS,
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
    {**OPERATORS, **dict.fromkeys(("n", *_CHOICES), "a message is one answer")},
)
RESPONSES: Final = KnownKeys(
    (
        *("model", "input", "instructions", "stream", "stream_options", "max_output_tokens"),
        *("max_tool_calls", "user", "safety_identifier", "tools", "tool_choice"),
        *("parallel_tool_calls", "text", "reasoning", "temperature", "top_p", "top_logprobs"),
        *("truncation", "include", "store", "metadata", "service_tier", "prompt_cache_key"),
        *("prompt_cache_retention", "prompt_cache_options", "previous_response_id"),
        *("conversation", "background", "background_options", "prompt", "context_management"),
        *("moderation", "access_programs", "image", "client_metadata"),
    ),
    {
        **_EXTRA,
        **dict.fromkeys(("max_tokens", *_LIMITS), "max_output_tokens"),
    },
    {**OPERATORS, **dict.fromkeys(("n", *_CHOICES), "a response is one answer")},
)
COMPLETION: Final = KnownKeys(
    (
        *("model", "prompt", "suffix", "max_tokens", "n", "best_of", "stream", "stream_options"),
        *("echo", "logprobs", "temperature", "top_p", "stop", "seed", "user", "logit_bias"),
        *("presence_penalty", "frequency_penalty", "metadata"),
    ),
    OTHER_NUMBERS,
    OPERATORS,
)
EMBEDDING: Final = KnownKeys(
    ("model", "input", "encoding_format", "dimensions", "user", "stream", "metadata"),
    _EXTRA,
    OPERATORS,
)
METERED_OF_CHAT: Final = frozenset({"stream_options", EXTRA_BODY})
METERED_OF_MESSAGES: Final = frozenset({"thinking", "metadata", EXTRA_BODY})
METERED_OF_RESPONSES: Final = frozenset({"stream_options", "text", "reasoning", EXTRA_BODY})
MODERATION: Final = KnownKeys(("model", "input", "user", "metadata"), _EXTRA, OPERATORS)
RERANKING: Final = KnownKeys(
    (
        *("model", "query", "documents", "top_n", "return_documents", "rank_fields", "user"),
        *("max_tokens_per_doc", "max_chunks_per_doc", "truncation", "priority", "metadata"),
    ),
    _EXTRA,
    OPERATORS,
)
_PICTURE: Final = (
    *("model", "prompt", "n", "size", "quality", "style", "response_format", "output_format"),
    *("output_compression", "stream", "partial_images", "background", "moderation", "user"),
    *("input_fidelity", "mask"),
)
IMAGE: Final = KnownKeys((*_PICTURE, "images"), OTHER_NUMBERS, OPERATORS)
IMAGE_FORM: Final = KnownKeys((*_PICTURE, "image", "image[]"), OTHER_NUMBERS, OPERATORS)
TOKENIZATION: Final = KnownKeys(
    (
        *("model", "prompt", "messages", "content", "tokens", "tools", "add_special", "user"),
        *("add_special_tokens", "add_generation_prompt", "continue_final_message"),
        *("parse_special", "with_pieces", "return_token_strs", "chat_template"),
    ),
    _EXTRA,
    OPERATORS,
)
SPEECH: Final = KnownKeys(
    (
        *("model", "input", "voice", "instructions", "response_format", "speed", "user"),
        *("stream_format", "language"),
    ),
    _EXTRA,
    OPERATORS,
)
TRANSCRIPTION: Final = KnownKeys(
    (
        *("model", "file", "prompt", "language", "response_format", "temperature", "stream"),
        *("include[]", "timestamp_granularities[]", "chunking_strategy", "user"),
        *("known_speaker_names[]", "known_speaker_references[]"),
    ),
    _EXTRA,
    OPERATORS,
)
CONTENT: Final = KnownKeys(
    (
        *("model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig"),
        *("safetySettings", "cachedContent", "labels", "serviceTier", "store"),
    ),
    OTHER_NUMBERS,
    OPERATORS,
)
GENERATION_CONFIG: Final = KnownKeys(
    (
        *("maxOutputTokens", "candidateCount", "stopSequences", "temperature", "topP", "topK"),
        *("seed", "presencePenalty", "frequencyPenalty", "responseMimeType", "responseSchema"),
        *("responseJsonSchema", "responseLogprobs", "logprobs", "thinkingConfig"),
        *("responseModalities", "speechConfig", "mediaResolution", "imageConfig"),
    ),
    {
        **dict.fromkeys(("max_tokens", "max_completion_tokens"), "maxOutputTokens"),
        **dict.fromkeys(("n", "num_outputs"), "candidateCount"),
    },
)
METERED_OF_CONTENT: Final = frozenset({"generationConfig", EXTRA_BODY})
METERED_OF_FORMS: Final = frozenset(
    {"model", "prompt", "n", "stream", "response_format", "user", EXTRA_BODY}
)
METERED_OF_EMBEDDING: Final = frozenset({EXTRA_BODY})
METERED_OF_OTHERS: Final = METERED_OF_EMBEDDING
