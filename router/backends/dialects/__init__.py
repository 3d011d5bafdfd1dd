"""One module per wire dialect a backend speaks, and the table of them."""
