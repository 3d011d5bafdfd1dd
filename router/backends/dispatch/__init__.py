"""Candidates in order until one answers: attempts, retries, failures."""
