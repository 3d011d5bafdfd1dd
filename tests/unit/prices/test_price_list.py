"""A list of prices says where it is from and of which day; a file refreshes it, or is refused."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from router.prices.list_files import ListError
from router.prices.list_prices import list_price, listed_models
from router.prices.price_list import SHIPPED, read_list

TODAY = date(2026, 11, 30)
NOON = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp() * 1000)


def model(name: str = "m", **prices: Any) -> dict[str, Any]:
    return {"id": name, "match": {"equals": name.lower()}, "prices": prices}


def provider(*models: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "minimax", "name": "M", "api_pattern": "x", "models": [*models], **more}


def written(folder: Path, content: Any, name: str = "list.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_shipped_list_tells_its_package_version_and_the_newest_change_that_it_knows() -> None:
    assert SHIPPED.origin.source == "genai-prices"
    assert SHIPPED.origin.version.count(".") == 2
    known = SHIPPED.dated(None, TODAY).day
    assert known is not None
    assert date(2026, 10, 1) <= known <= TODAY


def test_a_change_that_is_still_to_come_does_not_make_a_list_newer() -> None:
    newest = [SHIPPED.dated(None, day).day for day in (date(2026, 6, 1), TODAY)]
    assert newest[0] is not None
    assert newest[1] is not None
    assert newest[0] <= date(2026, 6, 1) < newest[1]


def test_providers_that_the_package_lacks_are_priced_by_a_supplement_with_its_own_day() -> None:
    listed = list_price("dashscope", "qwen3-max")
    assert listed is not None
    price = listed.schedule.at(NOON)
    assert (price.input_pico, price.output_pico) == (1_200_000, 6_000_000)
    assert [step.above for step in price.steps] == [32_000, 128_000]
    assert SHIPPED.origins["dashscope"].source == "Turnout's supplement"
    assert SHIPPED.dated("dashscope", TODAY).day == date(2026, 11, 21)


def test_each_row_of_the_supplement_names_the_page_it_is_from() -> None:
    ours = [each for each in SHIPPED.providers if SHIPPED.origins[each.id] != SHIPPED.origin]
    assert ours
    assert all("https://" in (info.price_comments or "") for each in ours for info in each.models)
    assert all(each.source.startswith("https://") for each in SHIPPED.renamed)


def test_a_file_prices_the_providers_that_it_has_and_leaves_the_others(tmp_path: Path) -> None:
    document = {"dated": "2026-11-29", "providers": [provider(model(input_mtok=1, output_mtok=2))]}
    listing = read_list(written(tmp_path, document))
    listed = list_price("minimax", "m", listing=listing)
    assert listed is not None
    assert listed.schedule.at(NOON).input_pico == 1_000_000
    assert listed_models("minimax", listing) == ("m",)
    assert list_price("minimax", "MiniMax-M2", listing=listing) is None
    assert list_price("openai", "gpt-5.5", listing=listing) == list_price("openai", "gpt-5.5")
    assert listing.origins["openai"] == SHIPPED.origin


def test_a_file_is_of_the_day_that_it_says_or_else_of_its_own_time(tmp_path: Path) -> None:
    rows = [provider(model(input_mtok=1, output_mtok=2))]
    says = read_list(written(tmp_path, {"dated": "2026-11-29", "providers": rows}))
    assert says.dated(None, TODAY).day == date(2026, 11, 29)
    path = written(tmp_path, rows)
    os.utime(path, (NOON / 1000, NOON / 1000))
    silent = read_list(path).dated(None, TODAY)
    assert (silent.day, silent.by) == (TODAY, "the time of the file")
    assert says.origin.version != read_list(path).origin.version


def test_a_list_may_be_yaml_and_have_steps(tmp_path: Path) -> None:
    text = (
        "dated: 2026-11-28\nproviders:\n  - {id: minimax, name: M, api_pattern: x, models: [{id: m,"
        " match: {equals: m}, prices: {input_mtok: {base: 0.3, tiers: [{start: 5, price: 0.6}]},"
        " output_mtok: 1}}]}\n"
    )
    listed = list_price("minimax", "m", listing=read_list(written(tmp_path, text, "list.yaml")))
    assert listed is not None
    assert listed.schedule.at(NOON).at(6).input_pico == 600_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON: "),
        ("[" * 100_000, "is not JSON: "),
        ('"hi"', "is no list of providers"),
        ([], "has no providers"),
        ([{"name": "x"}], "providers[0] is no provider: it has no id"),
        ({"dated": "soon", "providers": [provider()]}, "the list: dated: "),
        ({"providers": [provider()], "price": 1}, "the list: price: "),
        ([{"id": "x"}], "x: name: "),
        ([provider(), provider()], "has the provider `minimax` twice"),
        ([provider(model(input_mtok="dear"))], "minimax: m: input_mtok"),
        ([provider(model(), model("n", input_mtok=-1))], "minimax: n: input_mtok: -1 is no price"),
        ([provider(model(inptu_mtok=1))], "minimax: m: `inptu_mtok` is no kind of price"),
        ([provider(model() | {"match": {"equal": "m"}})], "minimax: m: models.match: "),
        ([provider(model() | {"match": {"regex": "("}})], "minimax: m: its pattern is none"),
        ([provider(api_pattern="(")], "minimax: "),
    ],
)  # fmt: skip
def test_a_list_that_is_wrong_is_refused_with_provider_model_and_what_is_wrong(
    tmp_path: Path, content: Any, said: str
) -> None:
    with pytest.raises(ListError) as caught:
        read_list(written(tmp_path, content))
    assert str(caught.value).startswith(said), caught.value


def test_a_list_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="cannot be read: No such file"):
        read_list(tmp_path / "none.json")
    with pytest.raises(ListError, match="is not YAML"):
        read_list(written(tmp_path, "a: [", "list.yaml"))
