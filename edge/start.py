"""Starts the agent: its vision child first, so that both processes load their libraries at the same time.

On a companion computer that is the larger part of the time until the first frame has been looked at. The
child is told what to look at before this process loads the rest, so that it never waits for that.
"""

from __future__ import annotations

from edge.config.file import AgentConfig
from edge.vision.process import VisionProcess
from edge.vision.settings import vision_settings


async def start_agent(config: AgentConfig) -> None:
    """Run until cancelled. Raises EmberwatchError for what a person can mend before the flight."""
    child = await VisionProcess.start()
    try:
        child.tell(vision_settings(config, config.main_camera.optics()))
        from edge.agent import run_agent  # imported here: it takes its time, and the child is loading

        await run_agent(config, child)
    finally:
        await child.end()
