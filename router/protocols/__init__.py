"""The protocols that clients and backends speak, sans I/O."""
