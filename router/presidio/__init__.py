"""Presidio, a stronger detector of private data, in processes of its own."""
