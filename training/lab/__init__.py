"""Experiments that show what a choice means, small enough to run while one waits."""
