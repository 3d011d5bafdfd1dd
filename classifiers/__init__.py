"""P(success) per backend as a library: knows neither router nor policies."""
