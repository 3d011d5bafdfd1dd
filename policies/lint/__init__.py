"""What is allowed but probably not meant."""
