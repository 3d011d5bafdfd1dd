"""The `turnout` command: one module a command."""
