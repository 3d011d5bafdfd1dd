"""A small world: three backends with a price and an ability each, and the policy that is given."""

import json
from typing import Any

from policies.policy import load
from router.world.config_load import load_config
from router.world.snapshot import Snapshot, compile_snapshot

FIXED = """\
version: 1
routes:
  auto: {candidates: [local, moe, premium], objective: fixed}
"""
CASCADE = """\
version: 1
routes:
  auto:
    candidates: [local, moe, premium]
    objective: cheapest_capable
    capable: {min_success: 0.4}
    cascade: {verify: [not_empty], max_steps: 2}
"""
JUDGED = CASCADE.replace("max_steps: 2", "max_steps: 2, judge: premium")
SHADOWED = """\
version: 1
routes:
  auto: {candidates: [local, moe, premium], objective: fixed}
shadow: {share: 1.0, to: premium, judge: moe}
"""
ODDS = {"local": 0.5, "moe": 0.8, "premium": 0.95}  # a prompt that each ability may solve
PRICES = {"local": (0, 0), "moe": (1, 2), "premium": (10, 20)}  # USD per million tokens


def backend(name: str, **fields: Any) -> dict[str, Any]:
    """Return a backend's section; nothing listens at its address."""
    price = dict(zip(("input", "output"), PRICES[name], strict=True))
    section = {"base_url": "http://127.0.0.1:9/v1", "model": f"{name}-model", "price": price}
    return section | {"ability": name} | fields


def new_world(policy: str = FIXED, *, each: Any = None, **settings: Any) -> Snapshot:
    """Return the snapshot of a policy's text; `each` adds fields to backends' sections by name,
    `settings` stand at the top of turnout.yaml.
    """
    more = each or {}
    sections = {name: backend(name, **more.get(name, {})) for name in PRICES}
    text = json.dumps({"version": 1, "backends": sections} | settings)
    return compile_snapshot(load_config(text, "turnout.yaml", {}), load(policy, "policy.yaml"))
