"""aider, which edits by blocks in its answers and needs no tools."""

import agentkit
import kit

ANTHROPIC = kit.protocol() == "messages"


def command(at: agentkit.At, prompt: str):
    model = f"{'anthropic' if ANTHROPIC else 'openai'}/{kit.MODEL}"
    words = [agentkit.binary("aider"), "--model", model, "--edit-format", "diff", "--yes-always"]
    words += ["--no-git", "--no-check-update", "--analytics-disable", "--no-show-model-warnings"]
    words += ["--map-tokens", "0", "--no-detect-urls", "--message", prompt, str(at.file)]
    name = "ANTHROPIC" if ANTHROPIC else "OPENAI"
    base = kit.ROOT if ANTHROPIC else kit.URL
    return words, {f"{name}_API_KEY": kit.KEY, f"{name}_API_BASE": base}


agentkit.run(command)
