"""Single fields of a client's body, each with OpenAI's wording where it is wrong."""

from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from router.errors import BadRequest
from router.protocols.document import refuse_aliases
from router.protocols.known_keys import STREAM_OPTIONS

MOST_TOKENS: Final = 2**31 - 1
MAX_NAME: Final = 256  # characters of a model name, or of an end user that is known by name
_LONGEST_USER: Final = 100_000  # characters of an end user's name, of which a digest is made
_SHOWN: Final = 40  # digits of a number that is far too large
_KINDS: Final = MappingProxyType(
    {
        bool: "a boolean",
        float: "a decimal number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
)
# What a protocol calls the end user; those that are not here have no word for it.
USER_FIELDS: Final = MappingProxyType(
    {
        **dict.fromkeys(("chat", "openai", "pictures", "ranking", "speech", "transcripts"), "user"),
        "responses": "safety_identifier",
        "messages": "metadata.user_id",
    }
)
_HASHED: Final = "blake2b:"
# Most bodies have none of these: one look for all of them together, by a set, decides that.
OPTIONS: Final = frozenset(("stop", "reasoning_effort", "tool_choice"))


def check_options(body: dict[str, Any]) -> None:
    """BadRequest where an option that dialects translate is of the wrong type."""
    stop = body.get("stop")
    texts = stop if isinstance(stop, list) else [stop or ""]
    if not all(isinstance(text, str) for text in texts):
        raise wrong_type("stop", "a string or an array of strings")
    if not isinstance(body.get("reasoning_effort"), str | None):
        raise wrong_type("reasoning_effort", "a string")
    choice = body.get("tool_choice")
    if not isinstance(choice, str | dict | None):
        raise wrong_type("tool_choice", "a string or an object")


def check_calls(calls: Any, where: str) -> None:
    """BadRequest where an assistant's tool calls are of the wrong type."""
    if not isinstance(calls, list):
        raise wrong_type(where, "an array of objects")
    for index, call in enumerate(calls):
        function = call.get("function", {}) if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise wrong_type(f"{where}[{index}]", "an object with a function")
        if not isinstance(function.get("arguments"), str | None):
            raise wrong_type(f"{where}[{index}].function.arguments", "a string")


def read_model(body: dict[str, Any]) -> str:
    """The model's name: printable ASCII, so that it is safe in a header and in a log line."""
    model = body.get("model")
    if model is None:
        raise BadRequest("Missing required parameter: 'model'.", param="model")
    if not isinstance(model, str):
        raise wrong_type("model", "a string")
    if not model or len(model) > MAX_NAME or not (model.isascii() and model.isprintable()):
        raise BadRequest(
            f"Invalid 'model': expected 1 to {MAX_NAME} printable ASCII characters.", param="model"
        )
    return model


def read_user(body: dict[str, Any], name: str = "user") -> str | None:
    """The end user's name at the customer; None where it is missing or empty.

    It may be any text of bounded length. One that is long or not printable is known by its digest.
    """
    user = body.get(name)
    if user is None:
        return None
    if not isinstance(user, str):
        raise wrong_type(name, "a string")
    if len(user) > _LONGEST_USER:
        raise BadRequest(f"'{name}' has more than {_LONGEST_USER:,} characters.", param=name)
    if len(user) > MAX_NAME or not user.isprintable():
        return _HASHED + blake2b(user.encode(), digest_size=16).hexdigest()
    return user or None


def missing_user(protocol: str) -> BadRequest:
    """The error of a request that must say which end user it is for, and does not."""
    field = USER_FIELDS.get(protocol)
    if field is None:
        return BadRequest(
            "Your tier asks every request to name its end user, and requests of this kind have no"
            " field for that.",
            code="user_required",
        )
    return BadRequest(
        f"Your tier asks every request to name its end user: send '{field}'.",
        param=field,
        code="user_required",
    )


def missing_run(header: str) -> BadRequest:
    """The error of a request that must say which run of an agent it is a part of, and does not."""
    return BadRequest(
        f"Your tier asks every request to name the run that it is a part of: send '{header}'.",
        param=header,
        code="run_required",
    )


def read_flag(body: dict[str, Any], name: str) -> bool:
    """A boolean; False where it is missing or null."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean")
    return value


def read_include_usage(body: dict[str, Any]) -> bool:
    """Whether the client wants a stream's usage told."""
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise wrong_type("stream_options", "an object")
    refuse_aliases(options, STREAM_OPTIONS)
    return read_flag(options, "include_usage")


def read_integer(body: dict[str, Any], name: str, least: int, most: int) -> int | None:
    """An integer within its bounds; None where it is missing or null.

    One that is written as a decimal number (`16.0`) is the same here, in `body` too; a backend that
    gets the client's bytes judges for itself.
    """
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int:
        if type(value) is not float or not value.is_integer():
            raise wrong_type(name, f"an integer, but got {_kind(value)} instead")
        value = body[name] = int(value)
    if value < least:
        raise BadRequest(
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got "
            f"{value} instead.",
            param=name,
            code="integer_below_min_value",
        )
    if value > most:
        raise BadRequest(
            f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got "
            f"{str(value)[:_SHOWN]} instead.",
            param=name,
            code="integer_above_max_value",
        )
    return value


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "an unsupported value")


def wrong_type(param: str, expected: str) -> BadRequest:
    """OpenAI's words for a parameter of the wrong type."""
    return BadRequest(
        f"Invalid type for '{param}': expected {expected}.", param=param, code="invalid_type"
    )
