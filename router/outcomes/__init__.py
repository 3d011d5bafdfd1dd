"""How answers turned out: what the classifier learns from."""
