"""`turnout demo --once`: the whole of it, as a newcomer runs it."""

import socket
import subprocess
import sys


def test_the_demo_shows_each_backend_at_work_and_the_limit_and_ends_with_zero(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "router.cli", "demo", "--once", "--port", port]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "170", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("│")]
    for backend in ("local", "moe", "premium"):
        assert any(f"│ {backend} " in row for row in rows)
    assert "% saved" in done.stdout
    assert "responses: " in (tmp_path / "demo" / "turnout.yaml").read_text()
    assert "Simulated" in done.stdout
    assert "429" in done.stdout
    assert "retry-after:" in done.stdout
