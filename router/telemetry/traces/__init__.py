"""Traces: where a request stands in one, which are kept, what a span is, and where spans go."""
