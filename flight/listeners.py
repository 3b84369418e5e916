"""Who wants to be told of something. One of them that fails keeps nobody else from hearing it.

That matters where a mode change is told: a bug in who draws a page must not hide the pilot from the arbiter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, ParamSpec

log = logging.getLogger(__name__)

P = ParamSpec("P")


class Listeners(list[Callable[P, None]], Generic[P]):
    """A list of callbacks. A failure is logged, the first with its traceback, and counted."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self.failures = 0

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call each of them."""
        for listener in tuple(self):
            try:
                listener(*args, **kwargs)
            except Exception:
                self.failures += 1
                if self.failures == 1:
                    log.exception("somebody who listens for %s failed; more are only counted", self._what)
