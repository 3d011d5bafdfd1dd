"""The durable book of what was used."""
