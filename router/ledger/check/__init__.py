"""Does the ledger agree with the stored usage; and what does it hold, in words."""
