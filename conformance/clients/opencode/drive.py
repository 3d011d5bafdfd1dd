"""opencode, with a provider of its own in opencode.json."""

import json

import agentkit
import kit

PACKAGES = {
    "chat": "@ai-sdk/openai-compatible",
    "responses": "@ai-sdk/openai",
    "messages": "@ai-sdk/anthropic",
}
PROVIDER = {
    "npm": PACKAGES[kit.protocol()],
    "options": {"baseURL": kit.URL, "apiKey": kit.KEY},
    "models": {kit.MODEL: {}},
}
SETTINGS = {
    "provider": {"through": PROVIDER},
    "model": f"through/{kit.MODEL}",
    "small_model": f"through/{kit.MODEL}",
    "autoupdate": False,
    "share": "disabled",
    "permission": {"edit": "allow", "external_directory": "allow"},
}


def command(at: agentkit.At, prompt: str):
    at.write(".config/opencode/opencode.json", json.dumps(SETTINGS))
    return [agentkit.binary("opencode"), "run", prompt], {}


agentkit.run(command)
