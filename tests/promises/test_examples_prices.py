"""Examples of README and documentation name models and prices that nobody doubts."""

import re
from datetime import date
from pathlib import Path

import pytest

from policies.policy import load
from router.cli.common.check_prices import price_findings
from router.world.config_load import load_config
from router.world.document_files import read_shipped_policy
from router.world.documents import Documents

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/operations.md", "docs/backends.md", "docs/api.md", "docs/quotas.md")
POLICY = load(read_shipped_policy("balanced"), "balanced.yaml")
TODAY = date(2026, 11, 30)
EXAMPLES = [
    pytest.param(example, id=f"{page} {at}")
    for page in PAGES
    for at, example in enumerate(
        re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    )
    if re.search(r"^backends:", example, re.MULTILINE)
]


class AnyVariable(dict[str, str]):
    """An environment in which every credential is set."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: object = None) -> str:  # type: ignore[override]
        return "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG="


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_price_of_an_example_is_doubted(example: str, tmp_path: Path) -> None:
    text = example if example.startswith(("version:", "# turnout")) else f"version: 1\n{example}"
    config = tmp_path / "turnout.yaml"
    config.write_text(text)
    documents = Documents(load_config(text, str(config), AnyVariable()), POLICY, config, None)
    assert [str(each) for each in price_findings(documents, TODAY)] == []
