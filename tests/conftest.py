"""What holds for all tests: their order."""

from __future__ import annotations

import os

import pytest

from tests.running_order import dealt


def takes_real_time(test: pytest.Item) -> bool:
    """Stories of real processes or a real clock are waited for."""
    return test.get_closest_marker("e2e") is not None or "scenarios" in test.path.parts


@pytest.hookimpl(trylast=True)  # when it is known which tests run
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt(items, workers, is_long=takes_real_time, file_of=lambda test: str(test.path))
