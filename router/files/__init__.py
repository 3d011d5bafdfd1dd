"""Files and batches of customers, in the operator's accounts at providers."""
