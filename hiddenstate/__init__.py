"""The client of hiddenstate."""
