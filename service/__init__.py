"""The server: keeps the state of live sequences and batches their steps at every tick."""
