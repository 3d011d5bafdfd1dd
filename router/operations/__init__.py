"""What a client may ask, one row each."""
