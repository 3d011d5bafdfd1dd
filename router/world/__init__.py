"""The operator's documents, compiled to one immutable snapshot."""
