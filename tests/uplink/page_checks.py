"""Whether everybody can read, reach and use what a page shows: axe-core, and what is cut or covered.

    assert await axe(page) == []
    await fits(page, "queue")  # at the four sizes; with EMBERWATCH_SHOTS=folder also as pictures to look at

``fits`` leaves the window as it found it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

UI = Path(__file__).parents[2] / "uplink/station/ui"
AXE = UI / "node_modules/axe-core/axe.min.js"
FAULTS = Path(__file__).parent / "page_faults.js"
SIZES = [(1366, 768), (1920, 1080), (1024, 768), (390, 844)]
NARROW = SIZES[2:]
"""Where other words may not fit, once the first do at every size."""
SHOTS = os.environ.get("EMBERWATCH_SHOTS", "")
GRAVE = ("serious", "critical")


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if SHOTS:
    Path(SHOTS).mkdir(parents=True, exist_ok=True)


async def axe(page: Page, *, only: Iterable[str] = ()) -> list[str]:
    """What axe-core finds that is serious or critical, a line for each place. ``only`` names rules."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(_text(AXE))  # by the debugger, whom the page's policy does not bind
    rules = list(only)
    found: list[dict[str, Any]] = await page.evaluate(
        """async (rules) => {
            const more = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
            const { violations } = await axe.run(document, { resultTypes: ["violations"], ...more });
            return violations.map(({ id, impact, help, nodes }) => ({
                id, impact, help,
                nodes: nodes.map((node) => {
                    const [why] = [...node.any, ...node.all, ...node.none];
                    return `${node.target.join(" ")}: ${why?.message}`;
                }),
            }));
        }""",
        rules,
    )
    return [
        f"{one['impact']} {one['id']} ({one['help']}): {node}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


async def faults(page: Page, *, fingers: bool = True) -> list[str]:
    """What is off the window, cut off, covered, written over something else, or too small for ``fingers``."""
    found: list[str] = await page.evaluate(_text(FAULTS), fingers)
    return found


async def fits(
    page: Page, name: str, sizes: Iterable[tuple[int, int]] = SIZES, *, fingers: bool = True
) -> None:
    """Fails where something does not fit into one of the sizes; ``name`` is the pictures'."""
    wrong = await misfits(page, name, sizes, fingers=fingers)
    assert not wrong, f"{name} does not fit: {wrong}"


async def misfits(
    page: Page, name: str, sizes: Iterable[tuple[int, int]] = SIZES, *, fingers: bool = True
) -> dict[tuple[int, int], list[str]]:
    """By size, what does not fit into it."""
    before = page.viewport_size
    wrong = {}
    for width, height in sizes:
        await page.set_viewport_size({"width": width, "height": height})
        await page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        if found := await faults(page, fingers=fingers):
            wrong[width, height] = found
        if SHOTS:
            await page.screenshot(path=Path(SHOTS) / f"{name}-{width}x{height}.png")
    if before is not None:
        await page.set_viewport_size(before)
    return wrong
