"""The wordings of the field: which codes and which words mean which failure, one row after another.

The first row that fits decides, so what is narrow stands before what is wide. Words are pieces of a
message in lower case, as small as they can be without meaning something else; ` ... ` stands for
anything between. A new wording is one more piece here and one more body in the contract's recorded
refusals (tests/contract/refusals.py).
"""

from dataclasses import dataclass
from typing import Final

from router.backends.dispatch.failures import FAILURE_POLICIES, Fault, Kind


@dataclass(frozen=True, slots=True)
class Row:
    """What makes an answer a failure of this kind; `statuses` narrows where its words count."""

    kind: Kind
    codes: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    statuses: frozenset[int] | None = None

    @property
    def echo_proof(self) -> bool:
        """Whether words that the request says too are not believed."""
        return FAILURE_POLICIES[self.kind].fault is Fault.OPERATOR


def _row(
    kind: Kind, *, codes: str = "", words: tuple[str, ...] = (), statuses: tuple[int, ...] = ()
) -> Row:
    return Row(kind, frozenset(codes.split()), words, frozenset(statuses) or None)


CAUSES: Final = (
    _row(
        Kind.OVER_LIMIT,
        codes="tokens_limit_reached",
        words=(
            "request too large ... per min",  # Groq (413) and OpenAI (429): more than a minute's
            "requires more credits, or fewer",  # OpenRouter (402): the output limit is the reason
            "can only afford",
        ),
    ),
    _row(
        Kind.UNSAFE,
        codes=(
            "content_filter content_policy_violation responsibleaipolicyviolation invalid_prompt "
            "data_inspection_failed datainspectionfailed moderation_blocked prohibited_content "
            "sensitive_words_detected cyber_policy_violation content_filter_error 1301 "
            "base_resp.1026 base_resp.1027"
        ),
        words=(
            "violates usage guidelines",  # xAI
            "violating our usage polic",  # OpenAI
            "violates our usage polic",
            "input was flagged",  # OpenRouter
            "flagged as potentially",
            "content management policy",  # Azure
            "content filtering policy",  # Anthropic
            "content policy",
            "rejected by the safety system",
            "rejected as a result of our safety system",
            "blocked by guardrail",
            "inappropriate content",  # Alibaba
            "content exists risk",  # DeepSeek
            "considered high risk",  # Moonshot
            "new_sensitive",  # MiniMax
            "敏感内容",  # Zhipu
        ),
    ),
    _row(
        Kind.THOUGHT,
        codes="invalid_encrypted_content",  # OpenAI
        words=(
            "invalid `signature` in `thinking`",  # Anthropic
            "invalid `data` in `redacted_thinking`",
            "encrypted content ... could not be verified",  # OpenAI
            "encrypted content ... could not be decrypted",
        ),
        statuses=(400,),
    ),
    _row(
        Kind.RATE_LIMITED,
        codes="throttlingexception throttling throttling.ratequota 1302 1305 base_resp.1002",
        words=("too many tokens, please wait", "throttling error"),  # Bedrock
    ),
    _row(
        Kind.TOO_LONG,
        codes=(
            "context_length_exceeded context_window_exceeded exceed_context_size_error "
            "model_context_window_exceeded context_length_error string_above_max_length 1261"
        ),
        words=(
            "maximum context length",  # OpenAI, vLLM, SGLang, DeepSeek, OpenRouter
            "maximum context limit",
            "longer than the model's context length",  # SGLang, Together
            "exceeds the context window",  # OpenAI's responses
            "exceed the context window",
            "context window exceeds limit",  # MiniMax
            "context length exceeded",
            "exceed context limit",  # Anthropic: input and max_tokens together; Bedrock
            "prompt is too long",  # Anthropic
            "long context requests",  # Anthropic (429): a prompt beyond the account's window
            "long context beta",
            "input token count ... exceeds the maximum",  # Gemini
            "exceeds the maximum number of tokens",
            "exceed the configured limit",  # Azure's newer models
            "available context size",  # llama.cpp
            "context size has been exceeded",
            "larger than the max context size",
            "input is too large to process",
            "exceeds the context length",  # Ollama
            "exceeded max context length",
            "greater than the context length",  # LM Studio
            "token count of ... exceeds the limit of",  # GitHub
            "must have less than ... tokens",  # TGI
            "must be <= `max_total_tokens`",
            "exceeds maximum sequence length",  # TensorRT-LLM
            "exceeds max_seq_len",
            "larger than max_num_tokens",
            "too large for model with ... maximum context length",  # Mistral
            "total number of tokens in the prompt cannot exceed",  # Cohere
            "reduce the length of the messages",  # Groq
            "reduce the length of your prompt",
            "maximum prompt length is",  # xAI
            "input is too long for requested model",  # Bedrock
            "input is too long",
            "exceeded model token limit",  # Moonshot
            "range of input length should be",  # Alibaba
            "exceeds maximum allowed input length",
            "exceeds the maximum allowed input length",
            "the context size is too small",
            "prompt 超长",  # Zhipu
        ),
    ),
    _row(
        Kind.MALFORMED_CALL,
        codes="tool_use_failed json_validate_failed output_parse_failed",  # Groq
        words=(
            "failed to call a function",
            "failed to parse tool call",
            "tool call validation failed",
            "failed to generate json",
            "failed to parse input at pos",  # llama.cpp: what its model wrote is no call
            "does not match the expected peg",
        ),
    ),
    _row(
        Kind.UNSUPPORTED,
        codes="unsupported_parameter unsupported_value unsupported_content_type",
        words=(
            "image input is not supported",  # llama.cpp without a projector (500)
            "audio input is not supported",
            "video input is not supported",
            "mmproj",
            "not a multimodal model",  # vLLM
            "at most 0 image",
            "does not support image",
            "does not support vision",
            "do not support image",
            "does not support audio",
            "does not support file",
            "unknown variant `image_url`",  # DeepSeek
            "image_url is only supported by certain models",  # OpenAI
            "missing data required for image input",  # Ollama
            "no endpoints found that support",  # OpenRouter (404)
            "no endpoints found that can handle",
            "does not support tool",  # Ollama
            "does not support thinking",
            "cannot unmarshal ... into go struct field",  # a tool that its types cannot hold
            "does not support function",
            "does not support chat",
            "does not support response format",
            "does not support parameter",  # xAI
            "does not support assistant message prefill",
            "requires --enable-auto-tool-choice",  # vLLM
            "requires --jinja",  # llama.cpp
            "is not supported with this model",
            "is not supported by this model",
            "is not supported for this model",
            "maximum allowed number of output tokens",  # Anthropic
            "max_tokens is too large",  # OpenAI
            "maximum value for `max_tokens`",  # Groq
        ),
    ),
    _row(
        Kind.QUOTA,
        codes=(
            "insufficient_quota billing_hard_limit_reached billing_not_active billing_error "
            "insufficient_credits insufficient_balance insufficient_user_quota arrearage "
            "credits_exhausted freetieronly allocationquota.freetieronly creditserror 1113 "
            "base_resp.1008"
        ),
        words=(
            "credit balance is too low",  # Anthropic (400)
            "specified api usage limits",
            "workspace api usage limits",
            "insufficient balance",  # DeepSeek, MiniMax, Moonshot
            "insufficient credit",
            "used all available credits",  # xAI (403, 429)
            "doesn't have any credits",
            "monthly spending limit",
            "billing hard limit",
            "prepayment credits",  # Gemini
            "requires billing to be enabled",
            "monthly included credits",  # Hugging Face
            "no payment method",
            "out of credits",
            "account is in arrears",  # Alibaba
            "余额不足",
        ),
    ),
    _row(
        Kind.REGION,
        codes="unsupported_country_region_territory",
        words=(
            "user location is not supported",  # Gemini (400)
            "country, region, or territory not supported",  # OpenAI (403)
            "not available in your country",
            "not available in your region",
            "not supported in your region",
            "unsupported countries, regions, or territories",  # Bedrock
        ),
    ),
    _row(
        Kind.CREDENTIAL,
        codes=(
            "invalid_api_key api_key_invalid api_key_expired invalidapikey authentication_error "
            "unauthenticated account_deactivated access_token_expired expiredtokenexception "
            "unrecognizedclientexception invalidsignatureexception incompletesignatureexception "
            "missingauthenticationtokenexception base_resp.1004 base_resp.2049"
        ),
        words=(
            "api key not valid",  # Gemini (400)
            "api key expired",
            "reported as leaked",
            "incorrect api key",  # OpenAI (401), xAI (400)
            "invalid api key",
            "invalid x-api-key",
            "security token included in the request is",  # AWS
        ),
    ),
    _row(
        Kind.PERMISSION,
        codes=(
            "permission_error accessdeniedexception access_denied service_disabled "
            "api_key_service_blocked organization_restricted model_permission_blocked_org"
        ),
        words=(
            "don't have access to the model",  # Bedrock
            "does not have access to model",
            "must be verified to",  # OpenAI
            "organization has been disabled",  # Anthropic (400)
            "has not been used in project",  # Google
            "matching your data policy",  # OpenRouter (404)
            "requires terms acceptance",  # Groq
        ),
    ),
    _row(
        Kind.REJECTED,  # what the request names, and not the model
        codes="previous_response_not_found",
        words=("previous response with id", "file not found", "no such file"),
        statuses=(404,),
    ),
    _row(Kind.REJECTED, words=("option ... must be of type",), statuses=(400, 500)),  # Ollama
    _row(
        Kind.MODEL,
        codes=(
            "model_not_found deploymentnotfound model_decommissioned modelnotfound "
            "model_not_exist 1211"
        ),
        words=(
            "model not exist",  # DeepSeek
            "no such model",
            "is not a valid model",  # OpenRouter
            "invalid model name",
            "model identifier is invalid",  # Bedrock
            "on-demand throughput isn",
            "not found for api version",  # Gemini
            "has been decommissioned",
        ),
    ),
    _row(
        Kind.MODEL,
        words=("model: ", "the model ... not exist", "model ... not found"),
        statuses=(404,),
    ),
    _row(
        Kind.BUSY,
        codes=(
            "overloaded_error overloaded engine_overloaded_error server_overloaded unavailable "
            "serviceunavailableexception modelnotreadyexception slow_down"
        ),
        words=(
            "overloaded",
            "loading model",  # llama.cpp
            "model is loading",
            "currently loading",  # Hugging Face
            "at capacity",
            "over capacity",
            "no healthy upstream",
            "server is busy",
        ),
        statuses=(408, 409, 425, 429, 500, 502, 503, 504, 529),
    ),
    _row(
        Kind.RATE_LIMITED,
        codes="rate_limit_exceeded rate_limit_error rate_limit_reached_error resource_exhausted "
        "too_many_requests toomanyrequestsexception base_resp.1039 limit_burst_rate "
        "limit_requests",
        words=("rate limit", "too many requests"),
        statuses=(400, 403, 413, 429, 500, 502, 503),
    ),
    _row(
        Kind.TOO_LARGE,
        codes="request_too_large",
        words=("payload too large", "entity too large"),
        statuses=(400, 413),
    ),
)
