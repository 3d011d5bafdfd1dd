"""Anthropic's Messages: how the hub reads and writes them, and how they pass through."""
