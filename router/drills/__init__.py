"""Load and faults against real parts, and the promises with their figures."""
