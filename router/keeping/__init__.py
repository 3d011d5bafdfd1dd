"""What is stored is kept for its time: rolled up, pruned, backed up."""
