"""Customers: organizations, their teams, keys and credits, as rows (ADR 164)."""
