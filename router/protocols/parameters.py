"""Parameters that no protocol knows: which of them may go to a backend, and what they would do.

A backend is sent what its client said, so a parameter that nobody here knows could change what is
written, who writes it or what it costs, beside what was held. Three kinds are told apart. What
servers document and what does none of that passes (`DOCUMENTED`). What is known to do some of that
is refused by name (`STEERING`). Of what is left the operator says what becomes of it (`UNKNOWN`);
unless he does, what is named like one of the second kind is refused too, and the rest passes.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, Final, Literal

from router.protocols.twins import fold

Unknown = Literal["guard", "refuse", "drop", "pass"]
GUARD: Final[Unknown] = "guard"
_AMOUNT: Final = "it changes how much is written"
_WRITER: Final = "it changes who writes the answer, or by what"
_PLACE: Final = "it names an address or a credential"
_FEES: Final = "it is billed beside tokens"
_OTHERS: Final = "it reaches into what the server does for others"
_ANSWERS: Final = "it changes whether and how an answer is told and counted"
# What servers take beside their protocol, and what it does there: vLLM, SGLang, llama.cpp, TGI,
# TensorRT-LLM, Ollama, LiteLLM, OpenRouter, and the providers that speak like OpenAI.
_STEERING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        _AMOUNT: (
            *("min_tokens", "min_new_tokens", "min_length", "ignore_eos", "ignore_eos_token"),
            *("use_beam_search", "beam_width", "num_beams", "num_beam_groups", "penalty_alpha"),
            *("forced_eos_token_id", "num_ctx", "n_ctx", "thinking_tokens"),
            *("num_choices", "num_samples", "num_images", "num_images_per_prompt", "n_images"),
            *("sample_count", "batch_size", "n_iter"),
        ),
        _WRITER: (
            *("lora", "loras", "lora_path", "lora_request", "adapter", "adapter_id", "adapters"),
            *("adapter_source", "merged_adapters", "draft_model", "model_name", "model_id"),
            *("model_info", "model_version", "base_model", "deployment_id", "safety_model"),
            *("chat_template", "template", "prompt_template", "system_template", "raw", "agent_id"),
            *("logits_processors", "custom_logit_processor", "custom_params", "mock_response"),
            *("prompt_embeds", "input_embeds", "engine", "assistant_id", "bot_setting"),
        ),
        _PLACE: (
            *("kv_transfer_params", "bootstrap_host", "bootstrap_port", "bootstrap_room"),
            *("data_sources", "dataSources", "connectors", "litellm_params", "litellm_metadata"),
            *(
                "proxy_server_request",
                "secret_fields",
                "headers",
                "extra_query",
                "provider_options",
            ),
            *("providerOptions", "endpoint", "api_version", "organization", "credentials"),
            *("azure_ad_token", "aws_access_key_id", "aws_secret_access_key", "aws_region_name"),
            *("vertex_project", "vertex_location", "vertex_credentials", "webhook", "callback_url"),
        ),
        _FEES: (
            *("search_parameters", "enable_search", "search_options", "use_search", "web_search"),
            *("enable_code_interpreter", "code_interpreter", "file_search", "retrieval"),
            *("input_cost_per_token", "output_cost_per_token", "routing", "compound_custom"),
        ),
        _OTHERS: (
            *("priority", "rid", "id_slot", "slot_id", "keep_alive", "session_params"),
            *("data_parallel_rank", "num_retries", "max_retries", "cache_seed", "queue"),
        ),
        _ANSWERS: (
            *("deferred", "background", "callback", "no_log", "caching", "stream_usage"),
            *("disable_usage", "return_hidden_states", "usage_only"),
        ),
    }
)
STEERING: Final[Mapping[str, str]] = MappingProxyType(
    {fold(name): why for why, names in _STEERING.items() for name in names}
)
# What such parameters are called, in the names that are not known: as they fold.
_LIKE_THEM: Final = re.compile(
    "token|predict|length|maxlen|minlen|beam|choices|candidates|budget|price|cost|tier|model|"
    "provider|lora(?!tion)|adapter|apibase|apikey|url|endpoint|host|header|proxy|secret|credential|"
    "webhook|callback|fallback|retries|search|plugin|connector|tool|priority|template"
)
_MOST_LOOKED_AT: Final = 1_000  # keys inside of one that is not known
# Parameters of servers that speak as OpenAI does: how it is sampled, formatted and thought about.
DOCUMENTED: Final = frozenset(
    (
        *("repetition_penalty", "repeat_penalty", "repeat_last_n", "penalize_nl", "penalty_score"),
        *("no_repeat_ngram_size", "length_penalty", "early_stopping", "do_sample", "top_a"),
        *("typical_p", "typical", "tfs", "tfs_z", "top_n_sigma", "epsilon_cutoff", "eta_cutoff"),
        *("mirostat", "mirostat_tau", "mirostat_eta", "mirostat_mode", "mirostat_lr", "min_keep"),
        *("mirostat_target", "dynatemp_range", "dynatemp_exponent", "smoothing_factor", "samplers"),
        *("smoothing_curve", "xtc_probability", "xtc_threshold", "dry_multiplier", "dry_base"),
        *("dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers", "random_seed"),
        *("n_probs", "post_sampling_probs", "watermark", "decoder_input_details", "sampling_mask"),
        # Where it ends.
        *("stop_token_ids", "stop_sequences", "stop_regex", "bad_words", "bad_words_ids"),
        *("bad_words_token_ids", "include_stop_str_in_output", "no_stop_trim", "allowed_token_ids"),
        *(
            "skip_special_tokens",
            "spaces_between_special_tokens",
            "context_length_exceeded_behavior",
        ),
        # How the prompt is read.
        *("add_generation_prompt", "continue_final_message", "add_special_tokens", "echo_last"),
        *(
            "chat_template_kwargs",
            "documents",
            "truncate_prompt_tokens",
            "truncation",
            "transforms",
        ),
        *("truncation_side", "prompt_truncate_len", "prompt_logprobs", "prompt_cache_options"),
        *("prompt_cache_isolation_key", "prompt_cache_max_len", "mm_processor_kwargs"),
        *("media_io_kwargs", "cache_prompt", "cache_salt", "n_keep", "n_discard", "cache_control"),
        *("document_image_limit", "document_page_limit", "vl_high_resolution_images"),
        # In what form it comes.
        *("guided_json", "guided_regex", "guided_choice", "guided_grammar", "json_schema", "regex"),
        *("guided_decoding_backend", "guided_whitespace_pattern", "structured_outputs", "grammar"),
        *("ebnf", "structural_tag", "response_fields", "return_tokens_as_token_ids", "verbose"),
        *("return_token_ids", "return_progress", "timings_per_token", "return_meta_info"),
        *("top_logprobs_num", "stream_interval", "incremental_output", "result_format", "usage"),
        *("raw_output", "perf_metrics_in_response", "parse_tool_calls", "tool_stream"),
        *("stream_tool_calls", "disable_tool_validation", "citation_options", "language"),
        *("translation_options", "format", "logprob_token_ids", "response_format_strict"),
        # How it is thought about.
        *("reasoning", "reasoning_format", "reasoning_split", "reasoning_mode", "prompt_mode"),
        *("reasoning_history", "include_reasoning", "separate_reasoning", "stream_reasoning"),
        *("thinking", "enable_thinking", "thinking_budget", "thinking_budget_tokens"),
        *("thinking_mode", "thinking_forced_open", "preserve_thinking", "clear_thinking"),
        *("disable_reasoning", "reasoning_in_content", "output_config", "speculation"),
        # Whose it is, and what is kept from it.
        *("session_id", "safe_prompt", "mask_sensitive_info", "sensitive_word_check", "guardrails"),
        *("safety_settings", "client_metadata", "betas"),
        # What Perplexity's and Groq's models search, who search for every answer.
        *("search_domain_filter", "search_recency_filter", "search_mode", "disable_search"),
        *("search_after_date_filter", "search_before_date_filter", "search_language_filter"),
        *("enable_search_classifier", "last_updated_after_filter", "last_updated_before_filter"),
        *("return_images", "return_related_questions", "image_domain_filter", "stream_mode"),
        *("image_format_filter", "media_response", "language_preference", "search_settings"),
        *("exclude_domains", "include_domains"),
        # Of embeddings and rankings.
        *("input_type", "truncate", "truncate_dim", "output_dtype", "output_dimension", "task"),
        *("late_chunking", "embedding_type", "embedding_types", "normalize", "normalized"),
        *("prompt_name", "max_tokens_per_doc", "return_text"),
    )
)


class Steers(Exception):
    """A parameter that may not go on: its path (`options.num_predict`), and what it would do."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path)
        self.path = path
        self.why = why


def refuse_steering(name: str, value: Any, meant: AbstractSet[str], *, guarded: bool) -> None:
    """Raise Steers for a parameter that is not known and steers; `meant` are further words, folded,
    that do. Where it is `guarded`, what is only named like those is refused as well, and what holds
    one of them inside.
    """
    folded = fold(name)
    why = STEERING.get(folded)
    if why is not None:
        raise Steers(name, why)
    if guarded and (folded in meant or _LIKE_THEM.search(folded) is not None):
        raise Steers(name, "it may change what is written, by whom, or at what price")
    if guarded:
        _look_inside(name, value, meant)


def _look_inside(name: str, value: Any, meant: AbstractSet[str]) -> None:
    left = [(name, value)]
    looked_at = 0
    while left:
        path, held = left.pop()
        if isinstance(held, Mapping):
            looked_at += len(held)
            for key, inside in held.items():
                folded = fold(key)
                if folded in STEERING or folded in meant:
                    raise Steers(f"{path}.{key}", STEERING.get(folded, _AMOUNT))
                if isinstance(inside, (Mapping, list)):
                    left.append((f"{path}.{key}", inside))
        elif isinstance(held, list):
            looked_at += len(held)
            left += [(path, one) for one in held[:_MOST_LOOKED_AT] if isinstance(one, Mapping)]
        if looked_at > _MOST_LOOKED_AT:
            raise Steers(name, "it holds more than can be looked at")
