"""The admin API: customers, keys, limits, credits, and what is in force; on its own listener."""
