"""The gateway: an OpenAI-compatible endpoint that routes, meters and relays."""
