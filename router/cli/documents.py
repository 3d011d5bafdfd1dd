"""Reading turnout.yaml and the policy it names; mistakes end the command with exit code 2."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import click

from policies.findings import DocumentError, render
from policies.policy import Policy
from policies.policy import load as load_policy
from router.pipeline.config import Config, load_config
from router.settings import CONFIG, environment

config_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("turnout.yaml"),
    envvar=CONFIG,
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)


@dataclass(frozen=True, slots=True)
class Documents:
    """Both documents, valid each for itself, and the folder for data."""

    config: Config
    policy: Policy
    data: Path

    @property
    def database(self) -> str:
        """The SQL address of keys and usage."""
        if self.config.database is not None:
            return self.config.database.get_secret_value()
        return f"sqlite:///{self.data / 'turnout.db'}"


def shipped_policies() -> list[str]:
    """Return the names of the policies that ship with Turnout."""
    folder = files("policies") / "shipped"
    names = (entry.name for entry in folder.iterdir())
    return sorted(
        name.removesuffix(".yaml")
        for name in names
        if name.endswith(".yaml") and not name.endswith(".probes.yaml")
    )


def _read(path: Path, what: str, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "cannot be read"
        click.echo(f"{path}: error: {what} cannot be read: {reason}\n    {remedy}", err=True)
    except UnicodeDecodeError:
        click.echo(f"{path}: error: {what} is not UTF-8 text\n    {remedy}", err=True)
    sys.exit(2)


def _policy_text(config: Config, folder: Path) -> tuple[str, str]:
    """Return the policy's text and the name that its findings carry."""
    if config.policy in shipped_policies():
        shipped = files("policies") / "shipped" / f"{config.policy}.yaml"
        return shipped.read_text(encoding="utf-8"), f"{config.policy}.yaml"
    path = folder / config.policy
    remedy = f"name a file beside turnout.yaml, or one of: {', '.join(shipped_policies())}"
    return _read(path, "the policy", remedy), str(path)


def read_documents(config_path: Path) -> Documents:
    """Return both documents, or end the command with every mistake on standard error."""
    remedy = "write one (docs/operations.md shows how), or see Turnout work first: turnout demo"
    text = _read(config_path, "the configuration", remedy)
    folder = config_path.resolve().parent
    try:
        config = load_config(text, str(config_path), environment())
        policy_text, policy_name = _policy_text(config, folder)
        policy = load_policy(policy_text, policy_name)
    except DocumentError as error:
        end_with_findings(error)
    return Documents(config, policy, folder / config.data)


def end_with_findings(error: DocumentError) -> NoReturn:
    """Print every finding on standard error and end with exit code 2."""
    click.echo(render(error.findings), err=True)
    sys.exit(2)
