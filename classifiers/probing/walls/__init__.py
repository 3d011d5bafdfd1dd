"""Walls behind which a model's Python may run, and the proof that one holds."""
