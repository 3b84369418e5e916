"""The arrows between the rooms: who may import whom, and what the agent must never load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("edge", "flight", "hardware", "models", "uplink")

# Room → what of other rooms it may import. Everybody may use the one root of all errors.
ALLOWED: dict[str, tuple[str, ...]] = {
    "flight": (),
    "hardware": ("flight",),
    "models": ("flight.errors",),
    "models.make": ("flight.errors", "hardware"),
    "uplink": ("flight.errors",),
    "uplink.station": ("flight.errors", "flight.geoid", "flight.plans", "flight.terrain"),
    "edge": ROOMS,
}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import; names here are the folders' own"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_under(module: str, parent: str) -> bool:
    return module == parent or module.startswith(parent + ".")


def source_files() -> list[Path]:
    return [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py")) if "node_modules" not in p.parts]


@pytest.mark.parametrize("path", source_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_import_only_what_the_design_allows(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    room = max((name for name in ALLOWED if is_under(module, name)), key=len)
    home = module.split(".")[0]
    for imported in imports_of(path):
        if imported.split(".")[0] in ROOMS and not is_under(imported, home):
            assert any(is_under(imported, allowed) for allowed in ALLOWED[room]), (
                f"{module} imports {imported}"
            )


def test_a_forbidden_arrow_would_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("from edge.agent import run_agent\nimport torch\n")
    assert list(imports_of(path)) == ["edge.agent.run_agent", "torch"]


def test_only_one_file_of_the_agent_touches_the_mavlink_codec() -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in source_files()
        if any(is_under(name, "pymavlink") for name in imports_of(path))
    }
    assert {user for user in users if not user.startswith("hardware/virtual/")} == {"flight/codec.py"}


def test_the_agent_loads_neither_torch_nor_ultralytics() -> None:
    code = (
        "import sys, edge.agent, edge.vision.child\n"
        "heavy = {'torch', 'ultralytics', 'fastapi', 'hardware.virtual.world.world'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_supervisor_leaves_the_detectors_runtime_to_the_vision_child() -> None:
    code = "import sys, edge.agent; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
