"""docs/backends.md: every provider has its section, and every example is a valid configuration."""

import re
from pathlib import Path

import pytest

from policies.verifiers import VERIFIERS
from router.backends.catalog import load_catalog
from router.world.config import BackendSection
from router.world.config_load import load_config

PAGE = (Path(__file__).parents[2] / "docs" / "backends.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(backends:\n.*?)```", PAGE, re.DOTALL)


class AnyVariable(dict[str, str]):
    """An environment in which every credential is set."""

    def __missing__(self, name: str) -> str:
        return "k"

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: object = None) -> str:  # type: ignore[override]
        return "k"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n")[2].strip())
def test_an_example_is_a_valid_configuration(example: str) -> None:
    config = load_config(f"version: 1\n{example}", "turnout.yaml", AnyVariable())
    assert config.backends


def test_every_provider_has_its_section_and_its_example() -> None:
    for name in load_catalog():
        assert f"\n### {name}\n" in PAGE
        assert re.search(rf"provider: {re.escape(name)}\b", PAGE), name


def test_every_key_and_every_check_is_explained() -> None:
    for key in BackendSection.model_fields:
        assert f"`{key}`" in PAGE or f"`{key}:" in PAGE, key
    for check in VERIFIERS:
        assert f"| `{check}` |" in PAGE
