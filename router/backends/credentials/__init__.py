"""Credentials that are more than a key: signatures of requests, tokens that are renewed."""
