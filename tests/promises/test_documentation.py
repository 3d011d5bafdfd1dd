"""What the documentation promises exists, and what exists is documented."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from router import errors
from router.backends.backend import Timeouts
from router.cli.main import main
from router.gauges import GAUGES
from router.telemetry.metrics import COUNTED
from router.world.config import Config

ROOT = Path(__file__).parents[2]


def _doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


METRICS = (*COUNTED, *(gauge.metric for gauge in GAUGES))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_documented_with_its_labels(metric):
    suffix = "_total" if metric.kind == "counter" else ""
    labels = ", ".join(metric.labels)
    assert f"| `{metric.name}{suffix}` | {metric.kind} | {labels}" in _doc("metrics.md")


def test_no_metric_is_documented_that_does_not_exist():
    documented = set(re.findall(r"^\| `(turnout_\w+)`", _doc("metrics.md"), re.MULTILINE))
    existing = {m.name + ("_total" if m.kind == "counter" else "") for m in METRICS}
    assert documented == existing


def _tree(root: type[Exception]) -> list[type[errors.TurnoutError]]:
    result = [root]
    for child in root.__subclasses__():
        result += _tree(child)
    return result


@pytest.mark.parametrize("error", _tree(errors.TurnoutError), ids=lambda error: error.__name__)
def test_every_error_is_documented_with_its_status_and_code(error):
    row = re.search(
        rf"^\| `{error.__name__}` \|([^|]+)\|([^|]+)\|([^|]+)\|", _doc("errors.md"), re.MULTILINE
    )
    assert row is not None
    if error is not errors.UpstreamRejected:
        assert row[1].strip() == str(error.status)
        assert error.type in row[2]
        assert (error.code or "–") in row[3]


def test_every_code_of_an_error_is_documented():
    sources = "".join(path.read_text() for path in (ROOT / "router").rglob("*.py"))
    codes = set(re.findall(r"\bcode=\"(\w+)\"", sources))
    assert "decision_not_found" in codes
    assert {code for code in codes if f"`{code}`" not in _doc("errors.md")} == set()


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    result = []
    for name, field in model.model_fields.items():
        inner = _models(field.annotation)
        if not inner or name in ("price", "timeouts", "capacity", "energy"):
            result.append(prefix + name)
        for section in inner:
            if name not in ("price", "timeouts", "capacity", "energy"):
                star = f"{prefix}{name}.*." if name == "backends" else f"{prefix}{name}."
                result += _keys(section, star)
    return result


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in getattr(annotation, "__args__", ()) for m in _models(part)]


@pytest.mark.parametrize("key", _keys(Config))
def test_every_key_of_turnout_yaml_is_documented(key):
    assert f"| `{key}` |" in _doc("operations.md")


def _wait(name: str) -> str:
    wait = getattr(Timeouts(), name)
    return str(wait) if name == "bytes_per_second" else _span(wait)


def test_the_waits_of_a_backend_are_documented_as_they_are():
    names = [field.name for field in fields(Timeouts) if field.init]
    waits = "`, `".join(f"{name}: {_wait(name)}" for name in names)
    assert f"| `backends.*.timeouts` | `{waits}` |" in _doc("operations.md")
    assert f"`{{{waits.replace('`, `', ', ')}}}`" in _doc("backends.md")


def _span(seconds: float) -> str:
    return f"{seconds / 60:g}m" if seconds > 600 else f"{seconds:g}s"


def _commands(group: click.Command, path: str = "turnout") -> list[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        return [(path, group)]
    context = click.Context(group)
    subs = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [pair for name, sub in subs for pair in _commands(sub, f"{path} {name}")]


@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_every_command_is_in_the_operators_list(name):
    assert f"`turnout {name}" in _doc("operations.md")


@pytest.mark.parametrize(("path", "command"), _commands(main), ids=lambda value: str(value)[:40])
def test_every_command_teaches_what_it_does_and_what_each_option_means(path, command):
    assert command.help
    assert len(command.help.split()) > 5
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{path} {option.name}"


@pytest.mark.parametrize(
    "link",
    sorted(
        set(
            re.findall(
                r"\]\((?!http)([^)#]+)",
                (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else "",
            )
        )
    ),
)
def test_every_link_of_the_readme_leads_somewhere(link):
    assert (ROOT / link).exists()
