"""ONNX Runtime, told before it is loaded to tell nobody of us: import it from here only.

Its official builds tell Microsoft over HTTPS what runs, keep what they could not send in the user's
folder, beside an id of the machine, and have a thread for it, unless this variable is set first.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort  # it looks when it is loaded

__all__ = ("ort",)
