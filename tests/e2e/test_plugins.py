"""The plugin seam: the package of docs/plugins.md is installed, and a gateway uses its rows."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import patience
import pytest
from gatewaykit import RunningGateway
from ports import free_port

from router.children.child import Child

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")
TURNOUT = [sys.executable, "-m", "router.cli"]


def install(folder: Path, files: dict[str, str]) -> Path:
    """Install a package made of these files; return where its modules lie."""
    source, target = folder / "source", folder / "installed"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return target


def files_of_page() -> dict[str, str]:
    """The files that the page shows, each named on the line before its block."""
    blocks = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL)
    return dict(blocks)


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("acme"), files_of_page())


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    child = Child("router.simulator.server", "--name", "instant")
    child.start()
    try:
        yield child.await_ready()
    finally:
        child.stop()


def environment(*installed: Path) -> dict[str, str]:
    path = [*map(str, installed), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def documents(folder: Path, simulator: str) -> Path:
    """A gateway that uses every row of the plugin; the private route has a name of its own."""
    price = {"input": 1, "output": 1}
    one = {
        "base_url": simulator,
        "model": "m",
        "dialect": "acme",
        "ability": "local",
        "price": price,
    }
    config = {
        "version": 1,
        "stop": {"notice": None},
        "listen": f"127.0.0.1:{free_port()}",
        "policy": "policy.yaml",
        "backends": {
            "small": one,
            "large": one | {"model": "l", "ability": "premium"},
        },
    }
    checked = {
        "candidates": ["small", "large"],
        "objective": "cheapest_capable",
        "capable": {"min_success": 0.0, "max_regret": 1.0},
        "cascade": {"verify": ["names_a_source"]},
    }
    plain = {"candidates": ["small"], "objective": "fixed", "fixed": "small"}
    policy = {
        "version": 1,
        "routes": {
            "checked": checked,
            "guarded": plain
            | {"rules": [{"name": "staff", "when": "request.pii", "deny": "no numbers of staff"}]},
        },
    }
    (folder / "policy.yaml").write_text(json.dumps(policy))
    path = folder / "turnout.yaml"
    path.write_text(json.dumps(config))
    return path


def test_the_page_shows_a_package_with_a_row_of_each_group() -> None:
    files = files_of_page()
    assert set(files) == {"pyproject.toml", "turnout_acme.py"}


def test_a_policy_may_name_what_a_plugin_brings_and_only_while_it_is_installed(
    acme: Path, tmp_path: Path, simulator: str
) -> None:
    config = documents(tmp_path, simulator)
    with_it = check(config, acme)
    without_its_dialect = check(config)
    config.write_text(config.read_text().replace('"acme"', '"openai"'))
    without_its_verifier = check(config)
    assert with_it.returncode == 0, with_it.stdout + with_it.stderr
    assert [without_its_dialect.returncode, without_its_verifier.returncode] == [2, 2]
    assert "unknown dialect `acme`" in without_its_dialect.stderr
    assert "names_a_source" in without_its_verifier.stderr


def check(config: Path, *installed: Path) -> subprocess.CompletedProcess[str]:
    command, env = [*TURNOUT, "check", "--config", str(config)], environment(*installed)
    return subprocess.run(command, env=env, check=False, capture_output=True, text=True)


def test_a_gateway_uses_the_rows_of_an_installed_plugin(
    acme: Path, tmp_path: Path, simulator: str
) -> None:
    config, env = documents(tmp_path, simulator), environment(acme)
    create = [*TURNOUT, "keys", "create", "--config", str(config), "--organization", "acme"]
    key = subprocess.run(create, env=env, capture_output=True, text=True, check=True).stdout.strip()
    port = int(json.loads(config.read_text())["listen"].partition(":")[2])
    running = RunningGateway(tmp_path, port, {})
    with (tmp_path / "gateway.log").open("wb") as log:
        serve = [*TURNOUT, "serve", "--config", str(config)]
        with subprocess.Popen(serve, env=env, stdout=log, stderr=log) as process:
            try:
                running.until_ready(process)
                cascaded = ask(running, key, "checked", "hello")
                private = ask(running, key, "guarded", "what does EMP-123456 earn?")
                harmless = ask(running, key, "guarded", "what do people earn?")
            finally:
                process.terminate()
    # No simulated answer names a source: the verifier passed the first one over.
    assert cascaded.headers["x-turnout-backend"] == "large"
    assert [private.status_code, harmless.status_code] == [403, 200]
    spent = re.findall(
        rb"^spent acme (\d+)$", (tmp_path / "gateway.log").read_bytes(), re.MULTILINE
    )
    assert len(spent) == 2  # one line for each request that was admitted
    assert all(int(pico) > 0 for pico in spent)


def ask(running: RunningGateway, key: str, model: str, text: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {key}"}
    return patience.post(f"{running.url}/chat/completions", json=body, headers=headers)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("raise RuntimeError('half installed')", "cannot be loaded: RuntimeError: half installed"),
        ("openai = 'a text'", "takes a name that Turnout itself has"),
        ("other = 'a text'", "is no Dialect but a str"),
    ],
)
def test_a_plugin_that_cannot_be_used_stops_the_command_by_its_name(
    tmp_path: Path, simulator: str, module: str, says: str
) -> None:
    name = module.split(" =", maxsplit=1)[0] if " =" in module else "broken"
    project = (
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "half-a-plugin"\nversion = "1"\n'
        f'[project.entry-points."turnout.dialects"]\n{name} = "half_a_plugin:{name}"\n'
        '[tool.setuptools]\npy-modules = ["half_a_plugin"]\n'
    )
    target = install(tmp_path, {"pyproject.toml": project, "half_a_plugin.py": module})
    ended = check(documents(tmp_path, simulator), target)
    assert ended.returncode == 1
    assert says in ended.stderr
    assert "half-a-plugin" in ended.stderr
    assert "Traceback" not in ended.stderr
