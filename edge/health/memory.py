"""How little memory the agent's processes keep to themselves.

The C library gives each thread a heap of its own, and OpenBLAS a buffer for each core: on a computer with
four cores that is a hundred megabytes that nobody uses.
"""

from __future__ import annotations

import ctypes
import os

ARENAS = 2
TRIM_BYTES = 128 * 1024
# <malloc.h>
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8


def keep_small() -> None:
    """Call it before numpy is loaded. Child processes inherit it; what the environment says already stays."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # what is reckoned here is small
    os.environ.setdefault("MALLOC_ARENA_MAX", str(ARENAS))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(TRIM_BYTES))
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc alone has it; it has read the environment
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)
