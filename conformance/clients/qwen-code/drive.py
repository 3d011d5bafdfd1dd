"""Qwen Code, by the variables of OpenAI's clients."""

import agentkit
import kit


def command(_at: agentkit.At, prompt: str):
    words = [agentkit.binary("qwen"), "--auth-type", "openai", "--approval-mode", "yolo"]
    return [*words, "-p", prompt], {
        "OPENAI_API_KEY": kit.KEY,
        "OPENAI_BASE_URL": kit.URL,
        "OPENAI_MODEL": kit.MODEL,
    }


agentkit.run(command)
