"""Qwen Code, by the variables of OpenAI's clients."""

import agents
import kit


def command(_at: agents.At, prompt: str):
    words = [agents.binary("qwen"), "--auth-type", "openai", "--approval-mode", "yolo"]
    return [*words, "-p", prompt], {
        "OPENAI_API_KEY": kit.KEY,
        "OPENAI_BASE_URL": kit.URL,
        "OPENAI_MODEL": kit.MODEL,
    }


agents.run(command)
