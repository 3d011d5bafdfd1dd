"""Tokens of an identity provider (JSON Web Tokens) in the place of keys."""
