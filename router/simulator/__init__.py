"""A simulated model server, with faults on demand: for the demo, tests and bench."""
