"""What a client says and hears in each task, free of input and output; shared by both clients."""
