"""``emberwatch signing set-up`` and ``emberwatch signing off``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from edge.config.file import AgentConfig
from flight.link import Link
from flight.signing import Signing, SigningError, read_key
from flight.signing_setup import set_up_signing, switch_off_signing

WAIT_S = 10.0  # for a port that is opened, and for an autopilot that is just starting


async def set_up(config: AgentConfig, present_key: Path | None, console: Console | None = None) -> int:
    """Give the autopilot the key that the configuration names. Raises SigningError or LinkError."""
    console = console or Console()
    key_file = _key_file(config)
    key = read_key(key_file)
    async with _link(config, present_key) as link:
        await set_up_signing(link, _signing(config, key), heartbeat_s=WAIT_S)
    console.print(
        f"The autopilot signs with the key in {key_file}, and takes no orders that are not signed with it.\n"
        "Give the same key to the pilot's station before the next flight.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


async def switch_off(config: AgentConfig, console: Console | None = None) -> int:
    """Make the autopilot forget its key, which the configuration names. Raises SigningError or LinkError."""
    console = console or Console()
    async with _link(config, config.mavlink.signing_key_file) as link:
        await switch_off_signing(link, heartbeat_s=WAIT_S)
    words = "The autopilot no longer signs, and takes orders from anybody on its links."
    if config.mavlink.signing_key_file is not None:
        words += "\nTake signing_key_file out of [agent.mavlink] before the agent starts."
    console.print(words, highlight=False, markup=False, soft_wrap=True)
    return 0


def _key_file(config: AgentConfig) -> Path:
    if config.mavlink.signing_key_file is None:
        raise SigningError(
            "the configuration names no signing key",
            hint="Make one with: emberwatch signing new FILE. Name it: [agent.mavlink] signing_key_file = …",
        )
    return config.mavlink.signing_key_file


def _signing(config: AgentConfig, key: bytes) -> Signing:
    config.data_dir.mkdir(parents=True, exist_ok=True)
    # The agent's own clock: what it signs later must be later.
    return Signing(key, link_id=config.mavlink.signing_link_id, clock_file=config.data_dir / "signing.clock")


@asynccontextmanager
async def _link(config: AgentConfig, key_file: Path | None) -> AsyncIterator[Link]:
    """The link that the configuration names, signed with the autopilot's present key if it has one."""
    signing = None if key_file is None else _signing(config, read_key(key_file))
    link = Link(config.mavlink.url, component_id=config.mavlink.component_id, signing=signing)
    if not link.is_wired:
        raise SigningError(
            f"the signing key would cross {config.mavlink.url} for everybody to read",
            hint="Wire the autopilot to this computer and use serial:DEVICE:BAUD for this.",
        )
    async with link:
        yield link
