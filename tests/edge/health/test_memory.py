"""What the agent does to keep small, in a process of its own: it is too late for that of the tests."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASKED = """
import os, subprocess, sys
import edge.cli
from edge.health.memory import keep_small
keep_small()
import numpy
numpy.ones((300, 300)) @ numpy.ones((300, 300))
print(len(os.listdir("/proc/self/task")), os.environ["MALLOC_ARENA_MAX"])
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task") or os.cpu_count() == 1, reason="Linux, many cores")
def test_no_library_of_the_agent_takes_a_thread_for_each_core() -> None:
    without = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
    told = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, env=without, check=True
    )
    assert told.stdout.split() == ["1", "2"]
