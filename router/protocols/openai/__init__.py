"""What OpenAI's operations besides chat have in common on the wire."""
