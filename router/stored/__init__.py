"""What the gateway keeps for its customers: responses, sealed, in SQL."""
