"""Names, metrics and logs that never carry prompts or keys."""
