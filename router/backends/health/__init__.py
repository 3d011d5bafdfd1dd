"""The state of each backend: breakers, slots, ejection, load."""
