"""Routing policy as a library: no I/O, knows neither router nor classifiers."""
