"""What holds for every test."""

import gc
import os

# One thread for torch and ONNX Runtime: tests are small, and several pools on few cores wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_finish() -> None:
    """What was imported stays: nothing is gained by looking through it, again and again, for something to free."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
