"""What holds for all tests: their order."""

from __future__ import annotations

import os

import pytest

from tests.running_order import dealt


def story_of(test: pytest.Item) -> str:
    """Stories of real processes or a real clock are waited for. A chain from camera to webhook takes all the
    processor there is, so these go one after another; flights are waited for beside anything."""
    if test.get_closest_marker("e2e") is not None:
        return "e2e"
    return str(test.path) if "scenarios" in test.path.parts else ""


@pytest.hookimpl(trylast=True)  # when it is known which tests run
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt(items, workers, story_of=story_of)
