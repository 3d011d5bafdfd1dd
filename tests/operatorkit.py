"""A folder as an operator has it: configuration, policy, data; and its commands run there."""

from pathlib import Path

import click
from click.testing import CliRunner, Result

CONFIG = """
version: 1
policy: policy.yaml
data: data
backends:
  {name}: {{base_url: "http://127.0.0.1:9/v1", model: m, price: {{input: 1, output: 2}}}}
"""
POLICY = "version: 1\nroutes: {{auto: {{candidates: [{name}], objective: fixed}}}}\n"


def configured(folder: Path, name: str) -> Path:
    """The configuration file of a gateway with one backend."""
    (folder / "policy.yaml").write_text(POLICY.format(name=name))
    (folder / "turnout.yaml").write_text(CONFIG.format(name=name))
    (folder / "data").mkdir()
    return folder / "turnout.yaml"


def database_of(config: Path) -> str:
    """Where such a gateway keeps its books."""
    return f"sqlite:///{config.parent / 'data' / 'turnout.db'}"


def run_with_config(command: click.Command, config: Path, *words: str) -> Result:
    """What a command says there."""
    return CliRunner().invoke(command, [*words, "--config", str(config)])
