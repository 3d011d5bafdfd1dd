"""Types of the C extension in native/weigh.c; ledger/text_weights.py says what it does."""

def weigh(text: bytes, weights: bytes, /) -> int:
    """The sum of what each byte weighs after the one before it, the first after a space."""
