"""Whether the ledger's books agree."""
