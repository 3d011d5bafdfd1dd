"""Telling operators and customers of what wants attention: budgets, backends, the ledger, keys."""
