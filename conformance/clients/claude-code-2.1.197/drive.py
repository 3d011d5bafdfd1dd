"""Claude Code, at an address of its own by the variables that its documentation names."""

import agentkit
import kit


def command(_at: agentkit.At, prompt: str):
    words = [agentkit.binary("claude"), "-p", prompt, "--model", kit.MODEL]
    return [*words, "--permission-mode", "acceptEdits"], {
        "ANTHROPIC_BASE_URL": kit.ROOT,
        "ANTHROPIC_API_KEY": kit.KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


agentkit.run(command)
