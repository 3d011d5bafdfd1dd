"""The HTTP edge: knows connections and FastAPI, nothing of routing."""
