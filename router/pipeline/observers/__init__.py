"""What happens after a request: an ordered list of observers, each given one record of it."""
