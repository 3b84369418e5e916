"""``emberwatch camera list``: the profiles that come along."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from edge.geometry.optics import Camera, known_profiles


def list_command(console: Console | None = None) -> int:
    """Print every profile with what it sees, how sure it is and where its figures are from. Returns 0."""
    console = console or Console()
    for name in known_profiles():
        camera = Camera.load(name)
        zoom = f", zoom 1 to {camera.zoom_most:g}" if camera.zoom_most > 1 else ""
        facts = (
            f"  {camera.width_px} x {camera.height_px}, {camera.hfov_deg:.0f}° across, "
            f"focal length ± {100 * camera.focal_sigma:.2g} %{zoom}"
        )
        console.print(Text(name, "bold").append(facts, "not bold"))
        console.print(Padding(Text(camera.source, "dim"), (0, 0, 0, 4)))
    return 0
