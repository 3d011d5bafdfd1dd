"""Codex, with a provider of its own in config.toml: over HTTP, or over a WebSocket.

Where a WebSocket is refused Codex goes on over HTTP, so its log has to say that none was.
"""

import agentkit
import kit

SETTINGS = f"""
model = "{kit.MODEL}"
model_provider = "through"

[model_providers.through]
name = "through"
base_url = "{kit.URL}"
env_key = "THROUGH_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""
SOCKET = kit.OVER == "websocket"
OPENED = "successfully connected to Responses WebSocket"


def command(at: agentkit.At, prompt: str):
    more = "supports_websockets = true\n" if SOCKET else ""
    at.write(".codex/config.toml", SETTINGS + more)
    words = [agentkit.binary("codex"), "exec", "--skip-git-repo-check"]
    # In containers there is often no sandbox to be had; the folder is a temporary one.
    words += ["--dangerously-bypass-approvals-and-sandbox", prompt]
    env = {"THROUGH_KEY": kit.KEY, "CODEX_HOME": str(at.home / ".codex")}
    return words, env | ({"RUST_LOG": "codex_api=info"} if SOCKET else {})


def notes(err: str) -> dict:
    """How it went, where that is asked for."""
    if not SOCKET:
        return {}
    fell_back = "failed to connect" in err or OPENED not in err
    return {"over": "http" if fell_back else "websocket"}


agentkit.run(command, notes)
