"""How large a request is, asked of the servers that would serve it."""
