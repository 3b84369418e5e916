"""Giving an autopilot its signing key, and taking it back.

SETUP_SIGNING carries the key in the clear, so it is sent over a cable only (flight rule 28), and nothing
acknowledges it: that it worked is known from the autopilot's next heartbeat, which is signed with the key, or
no longer signed. ArduPilot takes no key while armed, and puts the one it has on all its links at once.
"""

from __future__ import annotations

import asyncio

from flight.link import AUTOPILOT_COMPONENT, Link, Message, mavlink
from flight.signing import KEY_BYTES, Signing, SigningError, is_signed

TRIES = 3
HEARTBEAT_S = 3.0  # they come every second


async def set_up_signing(link: Link, signing: Signing, *, heartbeat_s: float = HEARTBEAT_S) -> None:
    """Give the autopilot this key, and sign the link with it. The link is open and not signed, or signed with
    the autopilot's present key. Raises SigningError, and then the link is as it was."""
    await _set_up(link, signing, heartbeat_s)


async def switch_off_signing(link: Link, *, heartbeat_s: float = HEARTBEAT_S) -> None:
    """Make the autopilot forget its key. Without that key only ArduPilot's first port (USB) takes the order,
    as it listens to everybody. Raises SigningError, and then the link is as it was."""
    await _set_up(link, None, heartbeat_s)


async def _set_up(link: Link, signing: Signing | None, heartbeat_s: float) -> None:
    if not link.is_wired:
        raise SigningError(
            f"the signing key would cross {link.url} for everybody to read",
            hint="Wire the autopilot to this computer and use serial:DEVICE:BAUD for this.",
        )
    before = link.signing
    await _disarmed(link, heartbeat_s)
    for _ in range(TRIES):
        link.send(_order(link, signing))
        link.sign_with(signing)  # what is not genuine does not come through any more
        if await _heartbeat(link, heartbeat_s, signed=signing is not None) is not None:
            return
        link.sign_with(before)
    raise SigningError(
        "the autopilot did not take the new key" if signing else "the autopilot goes on signing",
        hint="It says why on the pilot's station. If it has a key already, sign this link with that one, "
        "or use its USB port.",
    )


def _order(link: Link, signing: Signing | None) -> Message:
    """SETUP_SIGNING; nothing but zeros switches signing off."""
    key, timestamp = (bytes(KEY_BYTES), 0) if signing is None else (signing.key, signing.next_timestamp())
    return mavlink.MAVLink_setup_signing_message(link.system_id, AUTOPILOT_COMPONENT, list(key), timestamp)


async def _disarmed(link: Link, heartbeat_s: float) -> None:
    """Hear the autopilot, and that it is disarmed."""
    heartbeat = await _heartbeat(link, heartbeat_s)
    if heartbeat is None:
        raise SigningError(
            f"no heartbeat from an autopilot on {link.url} in {heartbeat_s:g} s",
            hint="Check cable and baud rate; if the autopilot has a key, sign this link with it.",
        )
    if link.system_id is None:
        link.speak_as(heartbeat.get_srcSystem())
    if heartbeat.base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED:
        raise SigningError("signing is not changed while the vehicle is armed", hint="Disarm it first.")


async def _heartbeat(link: Link, timeout_s: float, *, signed: bool | None = None) -> Message | None:
    """The autopilot's next heartbeat, signed or not as asked; None after ``timeout_s``."""
    heard: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def take(message: Message, _received_s: float) -> None:
        is_ours = message.get_srcComponent() == AUTOPILOT_COMPONENT and link.system_id in (
            None,
            message.get_srcSystem(),
        )
        if is_ours and not heard.done() and signed in (None, is_signed(bytes(message.get_msgbuf()))):
            heard.set_result(message)

    stop = link.subscribe(take, "HEARTBEAT")
    try:
        async with asyncio.timeout(timeout_s):
            return await heard
    except TimeoutError:
        return None
    finally:
        stop()
