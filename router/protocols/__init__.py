"""What clients and model servers say on the wire, one module a protocol; sans I/O."""
