"""Codex, with a provider of its own in config.toml."""

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


def command(at: agentkit.At, prompt: str):
    at.write(".codex/config.toml", SETTINGS)
    words = [agentkit.binary("codex"), "exec", "--skip-git-repo-check"]
    # In containers there is often no sandbox to be had; the folder is a temporary one.
    words += ["--dangerously-bypass-approvals-and-sandbox", prompt]
    return words, {"THROUGH_KEY": kit.KEY, "CODEX_HOME": str(at.home / ".codex")}


agentkit.run(command)
