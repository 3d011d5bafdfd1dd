"""Examples of README and documentation name models and prices that nobody doubts."""

import re
from datetime import date
from pathlib import Path

import pytest

from router.cli.common.check_prices import price_findings
from router.world.documents import read_documents

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/operations.md", "docs/backends.md", "docs/api.md", "docs/quotas.md")
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
    config.write_text(re.sub(r"^policy:.*$", "policy: balanced", text, flags=re.MULTILINE))
    documents = read_documents(config, AnyVariable())
    assert [str(each) for each in price_findings(documents, TODAY)] == []
