"""The HTTP edge: knows ASGI and FastAPI, nothing of routing."""
