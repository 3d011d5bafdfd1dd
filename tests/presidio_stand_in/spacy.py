"""Stands in for spaCy: there is never a GPU."""


def require_gpu() -> None:
    raise ValueError("Cannot use GPU, CuPy is not installed")
