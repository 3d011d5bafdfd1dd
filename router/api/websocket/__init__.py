"""WebSocket mode of responses: many over one connection, each a request like any other."""
