"""Raw input to steps and back, shared by training and serving: pure, incremental, bounded."""
