"""The corridor a request walks, and what it carries."""
