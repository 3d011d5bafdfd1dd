"""A model server that answers as it is told, faults included: for the demo, tests and bench."""
