"""What `turnout demo` is made of."""
