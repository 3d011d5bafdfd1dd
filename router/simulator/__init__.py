"""A model server that answers as it is asked to, faults included: for demo, tests and bench."""
