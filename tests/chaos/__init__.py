"""Chaos: real servers are killed, frozen and cut off under many streams, and every client has to get its answers."""
