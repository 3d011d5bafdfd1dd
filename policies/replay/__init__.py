"""Replays decision logs: recorded requests are decided again, under another policy."""
