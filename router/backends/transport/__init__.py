"""HTTP to model servers: the seam, and the clients behind it."""
