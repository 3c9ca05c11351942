"""From a torch module to ONNX graphs: tracing, lowering, int8."""
