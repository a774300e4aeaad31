"""Importing what stays until the process ends."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Keep the garbage collector away from what is imported meanwhile, then and later.

    The typed SDKs are so many objects that looking for garbage among them, while they are imported and
    once more at the end of the program, takes longer than importing them.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
