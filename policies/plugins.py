"""The plugin seam: rows that installed packages add to a few of our tables, by entry points.

A package names its rows in its own pyproject.toml, under the groups below; docs/plugins.md shows
one of each. Nothing is registered by importing something.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Final, TypeVar

from policies.plugin_error import PluginError

DETECTORS: Final = "turnout.detectors"
DIALECTS: Final = "turnout.dialects"
OBSERVERS: Final = "turnout.observers"
VERIFIERS: Final = "turnout.verifiers"
GROUPS: Final = (DETECTORS, DIALECTS, OBSERVERS, VERIFIERS)

Row = TypeVar("Row")


@cache
def _points(group: str) -> Mapping[str, EntryPoint]:
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in points:
            raise PluginError(
                f"two packages add `{point.name}` to {group}: {_package(points[point.name])} and "
                f"{_package(point)}; uninstall one of them"
            )
        points[point.name] = point
    return MappingProxyType(points)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module


def names(group: str) -> tuple[str, ...]:
    """Return the names that installed packages add to a group; loads none of them."""
    return tuple(_points(group))


class Extended(dict[str, Row]):
    """A table of ours, and behind its own rows those of installed packages.

    Its names are known at once. A plugin's row is loaded when it is first asked for, since a plugin
    may import any part of Turnout: `load` loads them all, before anything serves.
    """

    def __init__(self, group: str, own: Mapping[str, Row], kind: Any) -> None:
        """`kind` is what `isinstance` asks of a row.

        Raises PluginError where a plugin takes a name of `own`, or of another plugin.
        """
        super().__init__(own)
        self._group = group
        self._kind = kind
        for name in names(group):
            if name in own:
                reason = "takes a name that Turnout itself has; rename or uninstall it"
                raise PluginError(f"{self._whose(name)} {reason}")

    def _whose(self, name: str) -> str:
        package = _package(_points(self._group)[name])
        return f"the plugin `{name}` ({self._group}, package {package})"

    def __missing__(self, name: str) -> Row:
        point = _points(self._group).get(name)
        if point is None:
            raise KeyError(name)
        try:
            row: Row = point.load()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            message = f"{self._whose(name)} cannot be loaded: {reason}; mend or uninstall it"
            raise PluginError(message) from error
        if not isinstance(row, self._kind):
            whose = self._whose(name)
            raise PluginError(f"{whose} is no {self._kind.__name__} but a {type(row).__name__}")
        self[name] = row
        return row

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in _points(self._group)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.keys(), *names(self._group))))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def load(self) -> tuple[tuple[str, Row], ...]:
        """Load every row and return them by name. Raises PluginError."""
        return tuple((name, self[name]) for name in self)
