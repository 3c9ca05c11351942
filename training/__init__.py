"""Training: from data to a checked bundle."""
