"""The two documents as they lie on disk: turnout.yaml and the policy it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policies.findings import DocumentError, Finding
from policies.language.source import parse
from policies.policy import Policy
from policies.policy import load as load_policy
from router.backends.backend import Backend
from router.prices.book import PriceBook
from router.world.config import Config
from router.world.config_load import LoadedConfig, load_config
from router.world.document_files import read_shipped_policy, read_text, shipped_policies
from router.world.outline import Outline
from router.world.plugins import load_plugins

_NO_CONFIG: Final = "write one (docs/operations.md shows how), or see Turnout work: turnout demo"


@dataclass(frozen=True, slots=True)
class Documents:
    """Both documents, each valid by itself, and where they came from."""

    loaded: LoadedConfig
    policy: Policy
    config_path: Path
    policy_path: Path | None  # None: a shipped policy

    @property
    def config(self) -> Config:
        """turnout.yaml as it is written."""
        return self.loaded.config

    @property
    def backends(self) -> Mapping[str, Backend]:
        """The backends by name, each with its provider's preset."""
        return self.loaded.backends

    @property
    def prices(self) -> PriceBook:
        """What each backend costs."""
        return self.loaded.prices

    @property
    def folder(self) -> Path:
        """The folder that relative paths of turnout.yaml begin in."""
        return self.config_path.resolve().parent

    @property
    def data(self) -> Path:
        """The folder for keys, the embedded ledger and logs."""
        return self.folder / self.config.data

    @property
    def database(self) -> str:
        """The SQL address of keys and usage."""
        if self.config.database is not None:
            return self.config.database.get_secret_value()
        return f"sqlite:///{self.data / 'turnout.db'}"

    @property
    def decisions(self) -> str:
        """Where the decision log goes: off, stdout, or a file below the data folder."""
        return self.config.decisions.to

    def outline(self) -> Outline:
        """What commands about customers need, as `router.world.outline` reads it faster."""
        tiers = self.policy.source.value.get("tiers", {})
        ledger, zone = self.config.ledger, self.policy.timezone
        where = (self.folder, self.data, self.database, ledger, self.decisions)
        routes = tuple(self.policy.routes)
        return Outline(*where, tiers, routes, zone, self.config.secrets.texts())


def _read(path: Path, what: str, remedy: str) -> str:
    try:
        return read_text(path)
    except OSError as error:
        reason = error.strerror or "unknown reason"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    message = f"{what} cannot be read: {reason}"
    raise DocumentError([Finding(str(path), 1, 1, "error", message, remedy, "unreadable")])


def read_config(config_path: Path, environ: Mapping[str, str]) -> LoadedConfig:
    """Read and validate turnout.yaml, whatever plugins are installed. Raises DocumentError with
    every finding, PluginError for a plugin that cannot be used.
    """
    load_plugins()
    text = _read(config_path, "the configuration", _NO_CONFIG)
    return load_config(text, str(config_path), environ)


def price_file_of(config_path: Path) -> Path | None:
    """Return where the list of prices that a configuration names lies, though it may be wrong in
    all else; None for the shipped one, and where that cannot be read.
    """
    try:
        document = parse(read_text(config_path), str(config_path))
    except (OSError, UnicodeDecodeError, DocumentError):
        return None
    named = document.value.get("prices") if isinstance(document.value, dict) else None
    return config_path.parent / named if isinstance(named, str) else None


def policy_path_of(loaded: LoadedConfig, config_path: Path) -> Path | None:
    """Return where the policy that a configuration names lies; None for a shipped one."""
    named = loaded.config.policy
    return None if named in shipped_policies() else config_path.parent / named


def read_policy(loaded: LoadedConfig, config_path: Path) -> Documents:
    """Read and validate the policy that a configuration names. Raises DocumentError with every
    finding.
    """
    path = policy_path_of(loaded, config_path)
    if path is None:
        named = loaded.config.policy
        policy = load_policy(read_shipped_policy(named), f"{named}.yaml")
    else:
        remedy = f"name a file beside turnout.yaml, or one of: {', '.join(shipped_policies())}"
        try:
            text = _read(path, "the policy", remedy)
        except DocumentError as error:
            raise DocumentError(loaded.values.hide(error.findings)) from None
        policy = load_policy(text, str(path))
    return Documents(loaded, policy, config_path, path)


def read_documents(config_path: Path, environ: Mapping[str, str]) -> Documents:
    """Read and validate both documents. Raises DocumentError with every finding of the first
    document that has any, PluginError for a plugin that cannot be used.
    """
    return read_policy(read_config(config_path, environ), config_path)
