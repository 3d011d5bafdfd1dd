"""Continue's command line, with a model of its own in config.yaml."""

import agentkit
import kit

SETTINGS = f"""
name: through
version: 1.0.0
schema: v1
models:
  - name: through
    provider: {"anthropic" if kit.protocol() == "messages" else "openai"}
    model: {kit.MODEL}
    apiBase: {kit.URL}
    apiKey: {kit.KEY}
    roles: [chat, edit, apply]
    capabilities: [tool_use]
"""


def command(at: agentkit.At, prompt: str):
    settings = at.write("config.yaml", SETTINGS)
    words = [agentkit.binary("cn"), "--config", str(settings), "--auto", "-p", prompt]
    return words, {"CONTINUE_TELEMETRY_ENABLED": "0"}


agentkit.run(command)
