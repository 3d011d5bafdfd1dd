import pytest

from router.protocols.aliases import KnownKeys
from router.protocols.twins import AliasKey

KNOWN = KnownKeys(["max_tokens", "model", "maxTemperature", "max_temperature"])


@pytest.mark.parametrize("keys", [[], ["model"], ["model", "top_k"], ["maxTemperature"], ["Öl"]])
def test_known_keys_and_keys_like_none_of_them_pass(keys: list[str]) -> None:
    KNOWN.refuse_aliases(dict.fromkeys(keys))


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("MAX_TOKENS", "max_tokens"),
        ("maxtokens", "max_tokens"),
        ("Max-Tokens", "max_tokens"),
        ("modeL", "model"),
        ("max_to\u212aens", "max_tokens"),
    ],
)
def test_a_key_that_only_folds_to_a_known_one_is_refused_with_that_one(
    key: str, meant: str
) -> None:
    with pytest.raises(AliasKey, match=f"Did you mean '{meant}'") as caught:
        KNOWN.refuse_aliases({"model": 1, "top_k": 2, key: 3})
    assert caught.value.param == ascii(key)[1:-1]
