"""What was decided of each request and what became of it, kept where every gateway finds it."""
