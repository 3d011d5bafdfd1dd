"""Clients of the field at their ordinary jobs, direct and through Turnout: `make conformance`."""
