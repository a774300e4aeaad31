"""Fast imports of the typed SDKs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Exempt the imported objects from garbage collection until the process ends.

    The typed SDKs consist of so many objects that collecting garbage among them, during the import and
    again at exit, takes longer than the import itself.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
