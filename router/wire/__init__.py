"""The OpenAI protocol, sans I/O."""
