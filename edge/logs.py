"""How the programs log: one format, to standard error."""

from __future__ import annotations

import logging
import sys


def log_to_stderr(level: int = logging.INFO) -> None:
    """For a whole process, at its start."""
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    # httpx logs every request at INFO, twice a second.
    logging.getLogger("httpx").setLevel(logging.WARNING)
