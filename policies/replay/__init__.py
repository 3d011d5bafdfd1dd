"""Decision logs, decided again."""
