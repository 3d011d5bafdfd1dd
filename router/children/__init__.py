"""Processes that the demo, tests and bench start beside the gateway."""
