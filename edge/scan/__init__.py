"""``emberwatch scan``: the detector over photos, folders and videos that are already on disk."""

from __future__ import annotations

from edge.scan.command import scan_command

__all__ = ["scan_command"]
