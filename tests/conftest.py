"""What holds for every test."""

import os

# One thread for torch and ONNX Runtime: tests are small, and several pools on few cores wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
