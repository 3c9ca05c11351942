"""What a session of each task does with messages, steps and outputs."""
