"""The benchmark: what the transport alone can do, what the runtime alone can do, and what the server delivers."""
