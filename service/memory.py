"""Memory of what is no longer used, back to the operating system."""

import ctypes
import gc


def give_back() -> None:
    """Free what nothing refers to any more, and let the allocator hand its free pages back.

    What was there when serving began is frozen, and so are models of that time: without this they would stay.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    # glibc alone has it; it keeps what was freed for later otherwise, tens of megabytes for a model.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
