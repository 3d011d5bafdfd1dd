"""The log of changes: who changed what, from where; each row is sealed by the next."""
