"""The gRPC side: the only part of the server that knows grpc and the generated messages."""
