"""A limit that is smaller than what one request holds is doubted by `check`, with what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.findings import Finding
from router.cli.common.check_limits import limit_findings
from router.world.documents import read_documents
from router.world.snapshot import compile_snapshot

BACKENDS = {
    "dear": {"provider": "vllm", "base_url": "http://x/v1", "model": "a", "price": [3, 15]},
    "cheap": {"provider": "vllm", "base_url": "http://y/v1", "model": "b", "price": [1, 2]},
}


def found(folder: Path, tier: dict[str, Any], **settings: Any) -> list[Finding]:
    route = {"candidates": ["cheap", "dear"], "objective": "fixed"}
    policy = {"version": 1, "routes": {"auto": route}, "tiers": {"free": tier}}
    (folder / "p.yaml").write_text(json.dumps(policy, indent=1))
    backends = {
        name: {**each, "price": dict(zip(("input", "output"), each["price"], strict=True))}
        for name, each in BACKENDS.items()
    }
    document = {"version": 1, "policy": "p.yaml", "backends": backends, **settings}
    path = folder / "turnout.yaml"
    path.write_text(json.dumps(document))
    documents = read_documents(path, {})
    return limit_findings(documents, compile_snapshot(documents.loaded, documents.policy))


def test_a_days_tokens_below_one_request_are_doubted_at_their_line(tmp_path: Path) -> None:
    (doubt,) = found(tmp_path, {"tokens_per_day": 1_000})
    assert (doubt.severity, doubt.rule) == ("warning", "limit-below-one-request")
    assert "holds at least 1,040 tokens while it runs" in doubt.message
    assert "in the worst case once a day" in doubt.message
    assert "estimate: chunk" in doubt.hint
    assert (tmp_path / "p.yaml").read_text().splitlines()[doubt.line - 1].strip() == (
        '"tokens_per_day": 1000'
    )


def test_a_limit_that_one_request_fits_is_not_doubted(tmp_path: Path) -> None:
    assert not found(tmp_path, {"tokens_per_day": 1_040, "usd_per_day": 0.0021})
    assert not found(tmp_path, {"requests_per_day": 1, "concurrency": 1})


def test_money_is_compared_with_the_cheapest_backend_that_the_tier_may_use(tmp_path: Path) -> None:
    (doubt,) = found(tmp_path, {"per_key": {"usd_per_day": 0.002}})
    assert "at least 0.002064 USD" in doubt.message
    assert found(tmp_path, {"usd_per_day": 0.0021, "backends": ["dear"]})


@pytest.mark.parametrize(("way", "limit"), [("worst", 32_783), ("chunk", 527)])
def test_what_is_held_goes_by_the_estimate(tmp_path: Path, way: str, limit: int) -> None:
    (doubt,) = found(tmp_path, {"tokens_per_minute": limit}, estimate=way)
    assert f"at least {limit + 1:,} tokens" in doubt.message
    assert not found(tmp_path, {"tokens_per_minute": limit + 1}, estimate=way)


def test_a_bucket_is_compared_by_its_burst(tmp_path: Path) -> None:
    assert found(tmp_path, {"tokens_per_minute": {"limit": 5_000, "burst": 500}})
