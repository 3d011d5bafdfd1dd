"""The ledger's clients under deterministic simulation: one seed drives network, clock and deaths.

The gateways' code is the real one, the scripts are the real ones in a real Valkey; what lies
between, and all time, is simulated (`loop`, `network`), so that an hour of faults takes a moment
and a seed that fails fails again.
"""
