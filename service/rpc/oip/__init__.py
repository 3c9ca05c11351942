"""The Open Inference Protocol: what its clients send and expect, on the engines and sessions of `Infer`."""
