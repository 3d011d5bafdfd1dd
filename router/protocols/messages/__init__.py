"""Anthropic's Messages: how the hub reads and writes them."""
