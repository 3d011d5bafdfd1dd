"""OpenAI's Responses: how the hub reads and writes them, and how they pass through."""
