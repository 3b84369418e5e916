"""Going on with a plan from the middle: what must be set again, and what is left to fly (flight rule 26).

A mission that is resumed at an item has forgotten what the items before it did: the speed, where the gimbal
points, whether the camera takes pictures (px4#21710, qgc#5393).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flight.plans.items import Command, MissionItem, takeoff, waypoint
from flight.plans.plan import Plan, PlanError

_STOP_IMAGES, _STOP_VIDEO = 2001, 2501
# Of each group the last one is in force. Numbers without a name here are MAV_CMD's of the camera protocol.
_GROUPS: tuple[tuple[int, ...], ...] = (
    (530,),  # SET_CAMERA_MODE
    (531,),  # SET_CAMERA_ZOOM
    (532,),  # SET_CAMERA_FOCUS
    (
        Command.DO_MOUNT_CONTROL,
        Command.DO_GIMBAL_MANAGER_PITCHYAW,
        Command.DO_SET_ROI,
        Command.DO_SET_ROI_LOCATION,
        Command.DO_SET_ROI_NONE,
    ),
    (Command.DO_SET_CAM_TRIGG_DIST,),
    (2000, _STOP_IMAGES),  # IMAGE_START_CAPTURE
    (2500, _STOP_VIDEO),  # VIDEO_START_CAPTURE
)
_NOTHING_TO_SET = frozenset({_STOP_IMAGES, _STOP_VIDEO, Command.DO_SET_ROI_NONE})


def setup_before(items: Sequence[MissionItem], seq: int) -> tuple[MissionItem, ...]:
    """The items before ``seq`` whose effect is still in force there: speed, camera, gimbal; in plan order."""
    before = items[1:seq]
    last: dict[tuple[object, ...], MissionItem] = {}
    for item in before:
        if item.command == Command.DO_CHANGE_SPEED:
            last[(item.command, item.params[0])] = item  # ground speed and climb speed are two
        for group in _GROUPS:
            if item.command in group:
                last[group] = item
    in_force = [item for item in last.values() if item.command not in _NOTHING_TO_SET]
    return tuple(sorted(in_force, key=lambda item: item.seq))


def begin_again_at(plan: Plan, seq: int) -> int:
    """The item from which to go on with a plan that was left on the way to ``seq``; 0: fly it whole.

    That is ``seq`` itself, unless the rest jumps back to before it. How often the jump was taken is not
    known, so such a loop is flown again from its first item, with all its rounds.
    """
    jumps = [item for item in plan.items[1:] if item.command == Command.DO_JUMP]
    begin, before = seq, 0
    while begin != before:  # what is added to the rest may jump back further
        before = begin
        begin = min([begin, *(int(jump.params[0]) for jump in jumps if jump.seq >= begin)])
    first_place = next((item.seq for item in plan.items[1:] if item.is_place), 0)
    return begin if begin > first_place else 0


def remainder(plan: Plan, seq: int) -> Plan:
    """What is left of a plan from item ``seq`` on, for a vehicle that stands at home with a new battery.

    It takes off to the height of the place where it goes on, flies to the last place before ``seq``, so that
    the leg it left is flown whole, sets again what was in force there, and flies the rest. The last items are
    the plan's own from ``seq`` on. Raises PlanError for a number that is none of the plan's, and for a rest
    that jumps back to before ``seq`` (``begin_again_at`` gives a number from which none does).
    """
    items = plan.items
    if not 0 < seq < len(items):
        raise PlanError(f"the plan {plan.name} has no item {seq} to go on from")
    rest = items[seq:]
    place = next((item for item in reversed(items[1:seq]) if item.is_place), None)
    begin = next((item for item in items[1:] if item.command == Command.NAV_TAKEOFF), None)
    steps: list[MissionItem] = []
    if begin is not None:
        steps.append(replace(begin, lat_e7=0, lon_e7=0))
    elif place is not None:
        steps.append(takeoff(place.alt_m))
    if place is not None and place.command != Command.NAV_TAKEOFF:
        steps.append(replace(waypoint(place.lat_deg, place.lon_deg, place.alt_m), frame=place.frame))
    steps += setup_before(items, seq)
    shift = 1 + len(steps) - seq
    for item in rest:
        if item.command == Command.DO_JUMP:
            if item.params[0] < seq:
                raise PlanError(
                    f"the plan {plan.name} jumps back from item {item.seq}: it cannot be gone on with"
                )
            item = replace(item, params=(item.params[0] + shift, *item.params[1:]))  # noqa: PLW2901
        steps.append(item)
    return Plan.build(f"{plan.name}, from item {seq}", plan.home, steps, fence=plan.fence, rally=plan.rally)
