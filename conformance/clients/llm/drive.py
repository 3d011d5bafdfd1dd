"""The command `llm`, set up as its documentation says for servers that speak OpenAI's protocol."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import kit

MODELS = f"""
- model_id: through
  model_name: {kit.MODEL}
  api_base: {kit.URL}
  api_key_name: through
  can_stream: true
  vision: true
  supports_tools: true
  supports_schema: true
"""
FUNCTIONS = "def get_weather(city: str) -> str:\n    return f'21 degrees in {city}'\n"
SCHEMA = json.dumps(kit.PERSON)


def llm(*words: str) -> str:
    """What the command says."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "extra-openai-models.yaml").write_text(MODELS)
        (Path(folder) / "keys.json").write_text(json.dumps({"through": kit.KEY}))
        done = subprocess.run(
            [str(Path(sys.executable).parent / "llm"), *words],
            env=os.environ | {"LLM_USER_PATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


kit.run(
    say=lambda: {"text": llm("-m", "through", "--no-stream", kit.SAY)},
    tools=lambda: {"text": llm("-m", "through", "--functions", FUNCTIONS, kit.TOOLS)},
    structured=lambda: {
        "parsed": json.loads(llm("-m", "through", "--schema", SCHEMA, kit.STRUCTURED))
    },
    vision=lambda: {"text": llm("-m", "through", "-a", str(kit.PICTURE_FILE), kit.VISION)},
)
