"""Prices with effective dates, in integer pico-USD."""
