"""A tier's own calendar reaches the ledger."""

import json

from policies.policy import load
from router.ledger.quotas.calendar import window_at
from router.world.config_load import load_config
from router.world.snapshot import compile_snapshot

POLICY = """\
version: 1
timezone: Europe/Berlin
routes: {auto: {candidates: [only], objective: fixed}}
tiers:
  here: {usd_per_month: 5}
  there: {usd_per_month: 5, timezone: America/New_York, billing_day: 15, billing_month: 7}
"""
BACKEND = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "price": {"input": 1, "output": 1}}


def test_each_tier_counts_in_its_own_time_zone_from_its_own_billing_day():
    config = load_config(json.dumps({"version": 1, "backends": {"only": BACKEND}}), "t.yaml", {})
    world = compile_snapshot(config, load(POLICY, "p.yaml"))
    [here], [there] = world.quotas["here"], world.quotas["there"]
    assert (here.options.timezone, here.options.billing_day) == ("Europe/Berlin", 1)
    assert (there.options.timezone, there.options.billing_day) == ("America/New_York", 15)
    assert there.options.billing_month == 7
    noon = 1_795_348_800_000  # 2026-11-22T12:00Z
    assert window_at(noon, "month", "America/New_York", 15).start == 1_794_718_800_000
