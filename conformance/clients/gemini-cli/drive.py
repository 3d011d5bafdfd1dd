"""Gemini CLI, with a key and another base URL."""

import json

import agentkit
import kit

SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "telemetry": {"enabled": False},
    "privacy": {"usageStatisticsEnabled": False},
}


def command(at: agentkit.At, prompt: str):
    at.write(".gemini/settings.json", json.dumps(SETTINGS))
    words = [agentkit.binary("gemini"), "-m", kit.MODEL, "--approval-mode", "yolo", "-p", prompt]
    return words, {
        "GEMINI_API_KEY": kit.KEY,
        "GOOGLE_GEMINI_BASE_URL": kit.ROOT,
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }


agentkit.run(command)
