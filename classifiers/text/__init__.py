"""Prompts to numbers."""
