"""Claude Code, at an address of its own by the variables that its documentation names."""

import agents
import kit


def command(_at: agents.At, prompt: str):
    words = [agents.binary("claude"), "-p", prompt, "--model", kit.MODEL]
    return [*words, "--permission-mode", "acceptEdits"], {
        "ANTHROPIC_BASE_URL": kit.ROOT,
        "ANTHROPIC_API_KEY": kit.KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


agents.run(command)
