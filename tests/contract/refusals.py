# ruff: noqa: E501 - a recorded body stands on one line
"""What the field's servers answer when they refuse, in the shapes in which they do, and what it is.

Written from public documentation and reports; wordings are theirs, ids and numbers are made up.
"""

from typing import Any, Final, NamedTuple

from router.backends.dispatch.failures import Kind


class Refusal(NamedTuple):
    """One answer of one server, and the failure that it is."""

    server: str
    status: int
    body: Any  # JSON, or the bytes of what is none
    kind: Kind
    dialect: str = "openai"


def openai(message: str, code: str | None = None, type_: str = "invalid_request_error") -> Any:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def anthropic(type_: str, message: str) -> Any:
    return {"type": "error", "error": {"type": type_, "message": message}, "request_id": "req_1"}


def google(code: int, status: str, message: str, *details: Any) -> Any:
    error = {"code": code, "message": message, "status": status}
    return {"error": error | ({"details": list(details)} if details else {})}


def vllm(message: str, code: int = 400, type_: str = "BadRequestError") -> Any:
    return {"object": "error", "message": message, "type": type_, "param": None, "code": code}


def openrouter(code: int, message: str, **metadata: Any) -> Any:
    return {"error": {"code": code, "message": message, "metadata": metadata}}


def info(reason: str) -> Any:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "googleapis.com"}


RETRY_IN_34: Final = {
    "@type": "type.googleapis.com/google.rpc.RetryInfo",
    "retryDelay": "34.07s",
}

THOUGHTS: Final = [
    Refusal(
        "anthropic",
        400,
        anthropic(
            "invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block"
        ),
        Kind.THOUGHT,
        "anthropic",
    ),
    Refusal(
        "anthropic's redacted",
        400,
        anthropic(
            "invalid_request_error",
            "messages.3.content.0: Invalid `data` in `redacted_thinking` block",
        ),
        Kind.THOUGHT,
        "anthropic",
    ),
    Refusal(
        "openai responses",
        400,
        openai(
            "The encrypted content gAAA could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
            "invalid_encrypted_content",
        ),
        Kind.THOUGHT,
    ),
]

LONG: Final = [
    Refusal("openai", 400, openai("This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens.", "context_length_exceeded"), Kind.TOO_LONG),
    Refusal("openai responses", 400, openai("Your input exceeds the context window of this model. Please adjust your input and try again.", "context_length_exceeded"), Kind.TOO_LONG),
    Refusal("azure", 400, openai("Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens."), Kind.TOO_LONG),
    Refusal("anthropic", 400, anthropic("invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum"), Kind.TOO_LONG, "anthropic"),
    Refusal("anthropic with its output", 400, anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 197202 + 21333 > 200000, decrease input length or `max_tokens` and try again"), Kind.TOO_LONG, "anthropic"),
    Refusal("anthropic beyond the account", 429, anthropic("rate_limit_error", "Extra usage is required for long context requests."), Kind.TOO_LONG, "anthropic"),
    Refusal("gemini", 400, google(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."), Kind.TOO_LONG, "gemini"),
    Refusal("vllm", 400, vllm("This model's maximum context length is 4096 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion."), Kind.TOO_LONG),
    Refusal("vllm, newer", 400, {"error": vllm("'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context length is 4096 tokens and your request has 12 input tokens.")}, Kind.TOO_LONG),
    Refusal("sglang", 400, vllm("The input (9000 tokens) is longer than the model's context length (4096 tokens)."), Kind.TOO_LONG),
    Refusal("sglang with its output", 400, vllm("Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 9000 tokens."), Kind.TOO_LONG),
    Refusal("llama.cpp", 400, {"error": {"code": 400, "message": "request (13392 tokens) exceeds the available context size (8192 tokens), try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 13392, "n_ctx": 8192}}, Kind.TOO_LONG),
    Refusal("llama.cpp, older", 500, {"error": {"code": 500, "message": "the request exceeds the available context size. try increasing the context size or enable context shift", "type": "server_error"}}, Kind.TOO_LONG),
    Refusal("ollama", 400, {"error": {"message": "the input length exceeds the context length of 4096", "type": "invalid_request_error"}}, Kind.TOO_LONG),
    Refusal("ollama, whole prompt", 400, {"error": "prompt too long; exceeded max context length by 4096 tokens"}, Kind.TOO_LONG),
    Refusal("ollama, its own form", 400, {"error": "the input length exceeds the context length"}, Kind.TOO_LONG, "ollama"),
    Refusal("lm-studio", 400, {"error": "The number of tokens to keep from the initial prompt is greater than the context length."}, Kind.TOO_LONG),
    Refusal("tgi", 422, {"error": "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000", "error_type": "validation"}, Kind.TOO_LONG),
    Refusal("tgi with its output", 422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= `max_total_tokens`. Given: 4000 `inputs` tokens and 500 `max_new_tokens`", "error_type": "validation"}, Kind.TOO_LONG),
    Refusal("tensorrt-llm", 400, vllm("The sum of prompt length (5000), query length (0) and max_tokens (100) should not exceed; prompt length exceeds maximum sequence length (4096)"), Kind.TOO_LONG),
    Refusal("mistral", 400, {"object": "error", "message": "Prompt contains 160000 tokens, too large for model with 131072 maximum context length", "type": "invalid_request_prompt", "code": "3051"}, Kind.TOO_LONG),
    Refusal("cohere", 400, {"message": "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292. Try using a shorter prompt."}, Kind.TOO_LONG),
    Refusal("groq", 400, openai("Please reduce the length of the messages or completion.", "context_length_exceeded"), Kind.TOO_LONG),
    Refusal("groq without a code", 413, openai("Please reduce the length of the messages or completion."), Kind.TOO_LONG),
    Refusal("together", 422, openai("The input (250000 tokens) is longer than the model's context length (131072 tokens)."), Kind.TOO_LONG),
    Refusal("xai", 400, {"code": "Client specified an invalid argument", "error": "This model's maximum prompt length is 131072 but the request contains 150000 tokens."}, Kind.TOO_LONG),
    Refusal("deepseek", 400, openai("This model's maximum context length is 131072 tokens. However, you requested 200000 tokens."), Kind.TOO_LONG),
    Refusal("moonshot", 400, openai("Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)"), Kind.TOO_LONG),
    Refusal("dashscope", 400, openai("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]", "invalid_parameter_error"), Kind.TOO_LONG),
    Refusal("minimax", 400, {"type": "error", "error": {"type": "bad_request_error", "message": "invalid params, context window exceeds limit (2013)"}}, Kind.TOO_LONG),
    Refusal("zhipu", 400, {"error": {"code": "1261", "message": "Prompt 超长"}}, Kind.TOO_LONG),
    Refusal("bedrock", 400, {"message": "Input is too long for requested model."}, Kind.TOO_LONG),
    Refusal("openrouter", 400, openrouter(400, "This endpoint's maximum context length is 131072 tokens. However, you requested about 200000 tokens."), Kind.TOO_LONG),
    Refusal("openrouter, its provider's words", 400, openrouter(400, "Provider returned error", raw='{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}', provider_name="Anthropic"), Kind.TOO_LONG),
]  # fmt: skip

OPERATORS: Final = [
    Refusal("anthropic, no credit", 400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."), Kind.QUOTA, "anthropic"),
    Refusal("anthropic, limit of the workspace", 400, anthropic("invalid_request_error", "You have reached your specified workspace API usage limits. You will regain access on 2026-10-01 at 00:00 UTC."), Kind.QUOTA, "anthropic"),
    Refusal("openai, no credit", 429, openai("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota", "insufficient_quota"), Kind.QUOTA),
    Refusal("openai, hard limit", 400, openai("Billing hard limit has been reached", "billing_hard_limit_reached"), Kind.QUOTA),
    Refusal("deepseek, no credit", 402, openai("Insufficient Balance", "invalid_request_error", "unknown_error"), Kind.QUOTA),
    Refusal("xai, no credit", 403, {"code": "The caller does not have permission to execute the specified operation", "error": "Your team 00000000-0000-4000-8000-000000000000 has either used all available credits or reached its monthly spending limit."}, Kind.QUOTA),
    Refusal("minimax, no credit", 200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, Kind.QUOTA),
    Refusal("zhipu, no credit", 429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}}, Kind.QUOTA),
    Refusal("dashscope, arrears", 400, openai("Access denied, please make sure your account is in good standing.", "Arrearage"), Kind.QUOTA),
    Refusal("hugging face", 402, {"error": "You have exceeded your monthly included credits for Inference Providers."}, Kind.QUOTA),
    Refusal("openai, bad key", 401, openai("Incorrect API key provided: sk-proj-********************abcd.", "invalid_api_key"), Kind.CREDENTIAL),
    Refusal("gemini, bad key", 400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", info("API_KEY_INVALID")), Kind.CREDENTIAL, "gemini"),
    Refusal("gemini, a key that leaked", 403, google(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."), Kind.CREDENTIAL, "gemini"),
    Refusal("gemini in a list", 400, [google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")], Kind.CREDENTIAL),
    Refusal("anthropic, bad key", 401, anthropic("authentication_error", "invalid x-api-key"), Kind.CREDENTIAL, "anthropic"),
    Refusal("xai, bad key", 400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***cd."}, Kind.CREDENTIAL),
    Refusal("minimax, bad key", 200, {"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, Kind.CREDENTIAL),
    Refusal("gemini, region", 400, google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), Kind.REGION, "gemini"),
    Refusal("openai, region", 403, openai("Country, region, or territory not supported", "unsupported_country_region_territory", "request_forbidden"), Kind.REGION),
    Refusal("anthropic, permission", 403, anthropic("permission_error", "Your API key does not have permission to use the specified resource."), Kind.PERMISSION, "anthropic"),
    Refusal("anthropic, disabled", 400, anthropic("invalid_request_error", "This organization has been disabled."), Kind.PERMISSION, "anthropic"),
    Refusal("openai, verification", 404, openai("Your organization must be verified to use the model `o9`. Please go to the settings.", "model_not_found"), Kind.PERMISSION),
    Refusal("bedrock, access", 403, {"message": "You don't have access to the model with the specified model ID."}, Kind.PERMISSION),
    Refusal("google, service off", 403, google(403, "PERMISSION_DENIED", "Generative Language API has not been used in project 1 before or it is disabled.", info("SERVICE_DISABLED")), Kind.PERMISSION, "gemini"),
    Refusal("openrouter, data policy", 404, openrouter(404, "No endpoints found matching your data policy"), Kind.PERMISSION),
    Refusal("somebody's firewall", 403, b"<html><h1>Forbidden</h1></html>", Kind.PERMISSION),
    Refusal("openai, unknown model", 404, openai("The model `gpt-0` does not exist or you do not have access to it.", "model_not_found"), Kind.MODEL),
    Refusal("anthropic, unknown model", 404, anthropic("not_found_error", "model: claude-0"), Kind.MODEL, "anthropic"),
    Refusal("gemini, unknown model", 404, google(404, "NOT_FOUND", "models/gemini-0 is not found for API version v1beta, or is not supported for generateContent."), Kind.MODEL, "gemini"),
    Refusal("vllm, unknown model", 404, vllm("The model `x` does not exist.", 404, "NotFoundError"), Kind.MODEL),
    Refusal("ollama, unknown model", 404, {"error": {"message": "model 'x' not found", "type": "not_found_error"}}, Kind.MODEL),
    Refusal("ollama, unknown model in its own form", 404, {"error": "model 'x' not found"}, Kind.MODEL, "ollama"),
    Refusal("deepseek, unknown model", 400, openai("Model Not Exist"), Kind.MODEL),
    Refusal("openrouter, unknown model", 400, openrouter(400, "x/y is not a valid model ID"), Kind.MODEL),
    Refusal("groq, retired model", 400, openai("The model `x` has been decommissioned and is no longer supported.", "model_decommissioned"), Kind.MODEL),
    Refusal("bedrock, unknown model", 400, {"message": "The provided model identifier is invalid."}, Kind.MODEL),
    Refusal("another server's page", 404, b"404 page not found", Kind.MISCONFIGURED),
    Refusal("groq, more than a minute's tokens", 413, openai("Request too large for model `m` in organization `org_01abcdef` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.", "rate_limit_exceeded", "tokens"), Kind.OVER_LIMIT),
    Refusal("openai, more than a minute's tokens", 429, openai("Request too large for m in organization org-01abcdef on tokens per min (TPM): Limit 30000, Requested 40000.", "rate_limit_exceeded", "tokens"), Kind.OVER_LIMIT),
    Refusal("openrouter, more than is left", 402, openrouter(402, "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 1000."), Kind.OVER_LIMIT),
]  # fmt: skip

CLIENTS: Final = [
    Refusal("xai, flagged", 403, {"code": "permission-denied", "error": "Content violates usage guidelines."}, Kind.UNSAFE),
    Refusal("openrouter, flagged", 403, openrouter(403, "Your chosen model requires moderation and your input was flagged", reasons=["x"], flagged_input="x"), Kind.UNSAFE),
    Refusal("openai, flagged", 400, openai("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"), Kind.UNSAFE),
    Refusal("azure, filter", 400, {"error": {"message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", "type": None, "param": "prompt", "code": "content_filter", "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, Kind.UNSAFE),
    Refusal("anthropic, filter", 400, anthropic("invalid_request_error", "Output blocked by content filtering policy"), Kind.UNSAFE, "anthropic"),
    Refusal("dashscope, inspection", 400, openai("Input data may contain inappropriate content.", "data_inspection_failed"), Kind.UNSAFE),
    Refusal("deepseek, risk", 400, openai("Content Exists Risk"), Kind.UNSAFE),
    Refusal("moonshot, risk", 400, openai("The request was rejected because it was considered high risk", None, "content_filter"), Kind.UNSAFE),
    Refusal("minimax, sensitive", 200, {"base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}}, Kind.UNSAFE),
    Refusal("zhipu, sensitive", 400, {"error": {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}}, Kind.UNSAFE),
    Refusal("openai, wrong", 400, openai("Invalid type for 'messages[0].content'"), Kind.REJECTED),
    Refusal("mistral, wrong", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, Kind.REJECTED),
    Refusal("ollama, wrong", 500, {"error": 'option "temperature" must be of type float32'}, Kind.REJECTED, "ollama"),
    Refusal("openai, an answer that is gone", 404, openai("Previous response with id 'resp_1' not found.", "previous_response_not_found"), Kind.REJECTED),
    Refusal("anthropic, a file that is gone", 404, anthropic("not_found_error", "File not found: file_1"), Kind.REJECTED, "anthropic"),
    Refusal("openai, parameter", 400, openai("Unsupported parameter: 'max_tokens' is not supported with this model.", "unsupported_parameter"), Kind.UNSUPPORTED),
    Refusal("llama.cpp, image", 500, {"error": {"code": 500, "message": "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", "type": "server_error"}}, Kind.UNSUPPORTED),
    Refusal("vllm, image", 400, vllm("m is not a multimodal model"), Kind.UNSUPPORTED),
    Refusal("deepseek, image", 400, openai("Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, expected `text`"), Kind.UNSUPPORTED),
    Refusal("openrouter, image", 404, openrouter(404, "No endpoints found that support image input"), Kind.UNSUPPORTED),
    Refusal("ollama, tools", 400, {"error": {"message": "registry.ollama.ai/library/m does not support tools"}}, Kind.UNSUPPORTED),
    Refusal("ollama, thoughts", 400, {"error": '"m" does not support thinking'}, Kind.UNSUPPORTED, "ollama"),
    Refusal("ollama, level of thought", 400, {"error": 'think value "low" is not supported for this model'}, Kind.UNSUPPORTED, "ollama"),
    Refusal("ollama, schema of a tool", 400, {"error": "json: cannot unmarshal array into Go struct field ToolFunctionParameters.tools.function.parameters.type of type string"}, Kind.UNSUPPORTED, "ollama"),
    Refusal("ollama, image", 500, {"error": "this model is missing data required for image input"}, Kind.UNSUPPORTED, "ollama"),
    Refusal("vllm, tools", 400, vllm('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'), Kind.UNSUPPORTED),
    Refusal("anthropic, output", 400, anthropic("invalid_request_error", "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for m"), Kind.UNSUPPORTED, "anthropic"),
    Refusal("anthropic, large", 413, anthropic("request_too_large", "Request exceeds the maximum size"), Kind.TOO_LARGE, "anthropic"),
    Refusal("nginx, large", 413, b"<html>413 Request Entity Too Large</html>", Kind.TOO_LARGE),
]  # fmt: skip

SERVERS: Final = [
    Refusal("openai, limit", 429, openai("Rate limit reached for m in organization org-01abcdef on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 2.1s.", "rate_limit_exceeded", "tokens"), Kind.RATE_LIMITED),
    Refusal("anthropic, limit", 429, anthropic("rate_limit_error", "This request would exceed your organization's rate limit of 50 requests per minute."), Kind.RATE_LIMITED, "anthropic"),
    Refusal("gemini, limit", 429, google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details.", RETRY_IN_34), Kind.RATE_LIMITED, "gemini"),
    Refusal("bedrock, limit", 429, {"message": "Too many tokens, please wait before trying again."}, Kind.RATE_LIMITED),
    Refusal("zhipu, limit", 429, {"error": {"code": "1302", "message": "您当前使用该API的并发数过高"}}, Kind.RATE_LIMITED),
    Refusal("minimax, limit", 200, {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, Kind.RATE_LIMITED),
    Refusal("anthropic, overloaded", 529, anthropic("overloaded_error", "Overloaded"), Kind.BUSY, "anthropic"),
    Refusal("gemini, overloaded", 503, google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), Kind.BUSY, "gemini"),
    Refusal("moonshot, overloaded", 429, openai("The engine is currently overloaded, please try again later", None, "engine_overloaded_error"), Kind.BUSY),
    Refusal("tgi, overloaded", 429, {"error": "Model is overloaded", "error_type": "overloaded"}, Kind.BUSY),
    Refusal("llama.cpp, loading", 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, Kind.BUSY),
    Refusal("hugging face, loading", 503, {"error": "Model m is currently loading", "estimated_time": 20.0}, Kind.BUSY),
    Refusal("ollama, busy", 503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, Kind.BUSY, "ollama"),
    Refusal("ollama, memory", 500, {"error": "model requires more system memory (5.6 GiB) than is available (3.1 GiB)"}, Kind.SERVER, "ollama"),
    Refusal("envoy", 503, b"no healthy upstream", Kind.BUSY),
    Refusal("openai, error", 500, openai("The server had an error while processing your request. Sorry about that!", None, "server_error"), Kind.SERVER),
    Refusal("vllm, error", 500, vllm("Internal server error", 500, "InternalServerError"), Kind.SERVER),
    Refusal("openrouter, provider", 502, openrouter(502, "Provider returned error", provider_name="x"), Kind.SERVER),
    Refusal("groq, call", 400, {"error": {"message": "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.", "type": "invalid_request_error", "code": "tool_use_failed", "failed_generation": "<function=f>"}}, Kind.MALFORMED_CALL),
    Refusal("groq, json", 400, openai("Failed to generate JSON. Please adjust your prompt.", "json_validate_failed"), Kind.MALFORMED_CALL),
    Refusal("llama.cpp, call", 500, {"error": {"code": 500, "message": "Failed to parse input at pos 12: <tool_call>", "type": "server_error"}}, Kind.MALFORMED_CALL),
]  # fmt: skip

REFUSALS: Final = [*THOUGHTS, *LONG, *OPERATORS, *CLIENTS, *SERVERS]
