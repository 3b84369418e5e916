"""What the copter does by itself when its fence is breached or its position is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight.link import mavlink
from hardware.virtual.drone.fence import fence_names
from hardware.virtual.drone.modes import NEEDS_POSITION, Mode

if TYPE_CHECKING:
    from hardware.virtual.drone.copter import VirtualCopter

GIVE_UP_M = 100.0  # so far outside the fence it lands
LANDS, BRAKES = 2, 4  # FENCE_ACTION; 0 only tells, the others return


def lose_position(copter: VirtualCopter) -> None:
    """``failsafe_ekf_event``."""
    if not copter.armed or copter.mode == Mode.LAND:
        return
    action = copter.parameters["FS_EKF_ACTION"]
    if copter.mode not in NEEDS_POSITION and action != 3:
        return
    if action != 2 or not copter.set_mode(Mode.ALT_HOLD):
        copter.land_after_pause()
    copter.is_ekf_action = True
    copter.say(f"EKF Failsafe: changed to {copter.mode.name} Mode", mavlink.MAV_SEVERITY_CRITICAL)


def watch_fence(copter: VirtualCopter) -> None:
    """``Copter::fence_check``."""
    before = copter.fence.breached
    fresh = copter.fence.check(copter.where(), copter.home, copter.now_s)
    if not copter.armed:
        return
    if before and not copter.fence.breached and not copter.landed:
        copter.say("Fence breach cleared", mavlink.MAV_SEVERITY_NOTICE)
    if not fresh:
        return
    if not copter.landed:
        copter.say(f"{fence_names(fresh)} breached", mavlink.MAV_SEVERITY_NOTICE)
    action = int(copter.parameters["FENCE_ACTION"])
    if action == 0:
        return
    if copter.landed:
        copter.disarm()
    elif copter.fence.distance_m > GIVE_UP_M or action == LANDS:
        copter.set_mode(Mode.LAND)
    else:
        copter.set_mode(Mode.BRAKE if action == BRAKES else Mode.RTL) or copter.set_mode(Mode.LAND)
