"""The servers that keep the ledger: addresses, connections, topology, scripts."""
