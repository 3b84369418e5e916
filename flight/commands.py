"""The orders that the agent gives, by name, each seen to be done.

ACCEPTED is not done: a named order waits until the vehicle's own state shows it, and where an acknowledgement
got lost that state settles the question (flight rules 17 and 20). A place is checked against the envelope
before a byte is sent (rule 19). Set-points are never streamed, and sticks are never overridden: when the
companion dies in the middle of anything here, the vehicle is in a defined state (rules 8, 11, 14).
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from flight.arbiter import Arbiter
from flight.autopilots import Autopilot
from flight.command_protocol import (
    CommandDeniedError,
    CommandError,
    CommandFailedError,
    CommandLaterError,
    CommandProtocol,
    CommandRefusedError,
    CommandUnansweredError,
    CommandUnconfirmedError,
    CommandUnsupportedError,
    Patience,
    command_name,
    refuse_no_place,
)
from flight.envelope import Envelope
from flight.link import Link, mavlink
from flight.plans.items import Command, Frame, MissionItem
from flight.telemetry import Telemetry

__all__ = [
    "CommandDeniedError",
    "CommandError",
    "CommandFailedError",
    "CommandLaterError",
    "CommandRefusedError",
    "CommandUnansweredError",
    "CommandUnconfirmedError",
    "CommandUnsupportedError",
    "Commands",
    "Patience",
]

log = logging.getLogger(__name__)

_STATE_MESSAGES = ("HEARTBEAT", "GLOBAL_POSITION_INT", "MISSION_CURRENT")
_WITHOUT_GIMBAL_MANAGER = (CommandUnsupportedError, CommandFailedError, CommandDeniedError)
_MYSELF, _AS_IT_IS, _NOT_ME = -2.0, -1.0, -3.0  # params of DO_GIMBAL_MANAGER_CONFIGURE
_SAME_PLACE_E7 = 10  # 0.1 m; the autopilot keeps its target in other units
_SAME_HEIGHT_M = 0.5
_HOLD_POSITION_S = 2.0  # an older position is where the vehicle was, and not where it is


class Commands(CommandProtocol):
    """Named orders to one vehicle. ``envelope`` is set by whoever knows the patrol."""

    def __init__(
        self,
        link: Link,
        telemetry: Telemetry,
        arbiter: Arbiter,
        *,
        patience: Patience | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(link, telemetry, arbiter, patience=patience, now=now)
        self.envelope = Envelope()
        self._has_gimbal = False

    # --- modes ------------------------------------------------------------------------------------

    async def set_mode(self, mode: str) -> None:
        """Change the flight mode (``"GUIDED"``) and wait until the heartbeat shows it."""
        params = self._autopilot.mode_params(mode)
        await self._mode_shows(mode, mavlink.MAV_CMD_DO_SET_MODE, *params)

    async def return_home(self, *, smart: bool = False) -> None:
        """Fly home and land; ``smart``: along the way it came, where the autopilot can and remembers it."""
        autopilot = self._autopilot
        if smart and autopilot.smart_return_mode:
            try:
                await self.set_mode(autopilot.smart_return_mode)
            except (CommandDeniedError, CommandFailedError) as error:
                log.warning("it does not come home along the way it came: %s", error)
            else:
                return
        await self.set_mode(autopilot.return_mode)

    async def land(self) -> None:
        """Come down where it is."""
        await self.set_mode(self._autopilot.land_mode)

    async def continue_mission(self) -> None:
        """Fly the mission aboard, from its current item where it was begun before."""
        await self.set_mode(self._autopilot.mission_mode)

    async def start_mission(self) -> None:
        """Start the mission aboard (armed) and wait until the heartbeat shows its mode."""
        await self._mode_shows(self._autopilot.mission_mode, mavlink.MAV_CMD_MISSION_START)

    async def _mode_shows(self, mode: str, command: int, *params: float) -> None:
        self._request(mode)

        async def send() -> None:
            await self.order(command, *params)
            self._arbiter.mode_accepted(self._now())

        await self._done(
            send,
            lambda: self._telemetry.mode == mode,
            self._patience.state_s,
            command_name(command),
            f"the mode is not {mode}",
        )

    def _request(self, mode: str, *, then: str = "") -> None:
        self._arbiter.tick(self._now())
        self._arbiter.mode_requested(mode, self._now(), then=then)

    # --- arming and climbing ----------------------------------------------------------------------

    async def arm(self) -> None:
        """Arm, with all of the autopilot's own checks, and wait until the heartbeat shows it."""
        await self._done(
            lambda: self.order(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1),
            lambda: bool(self._telemetry.armed),
            self._patience.state_s,
            "arming",
            "the vehicle is not armed",
        )

    async def takeoff(self, height_m: float) -> None:
        """Climb (armed and in the guided mode) to this height above home and wait until nine tenths are
        reached. Raises CommandRefusedError for one above the envelope's ceiling."""
        ceiling_m = self.envelope.ceiling_home_m
        if not 0 < height_m <= ceiling_m:
            raise CommandRefusedError(
                f"a take-off to {height_m} m was not sent: the ceiling is {ceiling_m:g} m above home"
            )
        autopilot = self._autopilot
        params = autopilot.takeoff_params(height_m, self._home_amsl_m)

        def high_enough() -> bool:
            position = self._telemetry.position
            return position is not None and position.height_home_m >= 0.9 * height_m

        if autopilot.takeoff_mode:
            self._request(autopilot.takeoff_mode, then=autopilot.guided_mode)
        await self._done(
            lambda: self.order(mavlink.MAV_CMD_NAV_TAKEOFF, *params),
            high_enough,
            self._patience.takeoff_s,
            "the take-off",
            f"the vehicle has not climbed to {height_m:g} m",
        )

    # --- places -----------------------------------------------------------------------------------

    async def reposition(self, lat_deg: float, lon_deg: float, alt_amsl_m: float, *, take_over: bool) -> None:
        """Fly there and stay. ``take_over`` also changes the mode, for the first leg of an order that a
        person approved; a follow-up leaves the mode alone, so that the autopilot itself denies it once the
        pilot has switched away (flight rule 8). Raises CommandRefusedError for a place outside the envelope.
        """
        objection = self.envelope.objection(lat_deg, lon_deg, alt_amsl_m)
        if objection:
            raise CommandRefusedError(
                f"the vehicle is not sent to {lat_deg:.6f}, {lon_deg:.6f} at {alt_amsl_m:.0f} m: {objection}"
            )
        await self._reposition(lat_deg, lon_deg, alt_amsl_m, take_over=take_over)

    @property
    def has_orbit(self) -> bool:
        """Whether the autopilot flies circles by itself."""
        return bool(self._autopilot.orbit_mode)

    async def orbit(
        self, lat_deg: float, lon_deg: float, alt_amsl_m: float, radius_m: float, speed_m_s: float
    ) -> None:
        """Fly a circle around a place, clockwise and for good, the nose to its middle; for autopilots that
        have it (``has_orbit``). Whoever asks has
        looked at every part of it: the envelope knows places only."""
        mode = self._autopilot.orbit_mode
        refuse_no_place(mavlink.MAV_CMD_DO_ORBIT, lat_deg, lon_deg, alt_amsl_m)
        self._request(mode)
        params = (radius_m, speed_m_s, float(mavlink.ORBIT_YAW_BEHAVIOUR_HOLD_FRONT_TO_CIRCLE_CENTER), 0.0)

        async def send() -> None:
            await self.order_at(mavlink.MAV_CMD_DO_ORBIT, Frame.GLOBAL, lat_deg, lon_deg, alt_amsl_m, params)
            self._arbiter.mode_accepted(self._now())

        await self._done(
            send,
            lambda: self._telemetry.mode == mode,
            self._patience.state_s,
            "the orbit",
            f"the mode is not {mode}",
        )

    async def hold(self, *, take_over: bool = True) -> None:
        """Stay where it is, in the guided mode. The envelope has no say: it is where it is. ``take_over`` as
        of ``reposition``."""
        position = self._telemetry.position_since(_HOLD_POSITION_S)
        if position is None:
            raise CommandRefusedError("the vehicle cannot hold: it does not know where it is")
        place = (position.lat_deg, position.lon_deg, position.alt_amsl_m)
        await self._reposition(*place, take_over=take_over)

    async def _reposition(
        self, lat_deg: float, lon_deg: float, alt_amsl_m: float, *, take_over: bool
    ) -> None:
        guided = self._autopilot.guided_mode
        if take_over:
            self._request(guided)
        elif self._telemetry.mode != guided:
            raise CommandRefusedError(f"the vehicle is in {self._telemetry.mode}, and not ours to send on")
        flags = float(mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE) if take_over else 0.0
        place = (lat_deg, lon_deg, alt_amsl_m)

        async def send() -> None:
            try:
                await self.order_at(
                    mavlink.MAV_CMD_DO_REPOSITION, Frame.GLOBAL, *place, (-1.0, flags, 0.0, math.nan)
                )
                if take_over:
                    self._arbiter.mode_accepted(self._now())
            except CommandUnansweredError as error:
                # The mode alone would not tell where it is going.
                if not await self._flies_to(*place):
                    raise CommandUnconfirmedError(error.message, hint=error.hint) from error

        await self._done(
            send,
            lambda: self._telemetry.mode == guided,
            self._patience.state_s,
            "the reposition",
            f"the mode is not {guided}",
        )

    async def _flies_to(self, lat_deg: float, lon_deg: float, alt_amsl_m: float) -> bool:
        """Whether the autopilot's own target is this place: what settles a lost acknowledgement."""
        with self._link.expect("POSITION_TARGET_GLOBAL_INT") as targets:
            with contextlib.suppress(CommandError):  # it may have come all the same
                await self.request_message("POSITION_TARGET_GLOBAL_INT")
            target = await targets.next(self._patience.ack_s)
        return (
            target is not None
            and abs(target.lat_int - round(lat_deg * 1e7)) <= _SAME_PLACE_E7
            and abs(target.lon_int - round(lon_deg * 1e7)) <= _SAME_PLACE_E7
            and abs(target.alt - alt_amsl_m) <= _SAME_HEIGHT_M
        )

    # --- camera, gimbal, speed --------------------------------------------------------------------

    async def look_at(self, lat_deg: float, lon_deg: float, alt_amsl_m: float) -> None:
        """Point the camera at a place on the ground and keep it there (flight rule 14)."""
        refuse_no_place(mavlink.MAV_CMD_DO_SET_ROI_LOCATION, lat_deg, lon_deg, alt_amsl_m)
        await self._take_gimbal()
        await self.order_at(mavlink.MAV_CMD_DO_SET_ROI_LOCATION, Frame.GLOBAL, lat_deg, lon_deg, alt_amsl_m)

    async def look_ahead(self) -> None:
        """Let go of the place that the camera was pointed at."""
        await self.order(mavlink.MAV_CMD_DO_SET_ROI_NONE)

    async def release_gimbal(self) -> None:
        """Give the gimbal back, if it was taken (flight rule 37)."""
        if self._has_gimbal:
            self._has_gimbal = False
            await self._configure_gimbal(_NOT_ME)

    def rebooted(self) -> None:
        """The autopilot has started anew: it gave the gimbal to nobody."""
        self._has_gimbal = False

    async def _take_gimbal(self) -> None:
        """Once, never in a loop: two companions that both do would fight for it (flight rule 37)."""
        if not self._has_gimbal:
            await self._configure_gimbal(_MYSELF)
            self._has_gimbal = True

    async def _configure_gimbal(self, who: float) -> None:
        command = mavlink.MAV_CMD_DO_GIMBAL_MANAGER_CONFIGURE
        try:
            await self.order(command, who, who, _AS_IT_IS, _AS_IT_IS)
        except _WITHOUT_GIMBAL_MANAGER as error:
            log.info("the gimbal has no manager: %s", error)

    async def replay(self, items: Sequence[MissionItem]) -> None:
        """Do again what these mission items did (speed, gimbal, camera): flight rule 26.

        One that the autopilot refuses is logged and the rest go on: a patrol with a camera that looks
        elsewhere is better resumed than left hanging.
        """
        for item in items:
            try:
                if item.command in (Command.DO_SET_ROI_LOCATION, Command.DO_SET_ROI):
                    await self.order_at(
                        item.command, item.frame, item.lat_deg, item.lon_deg, item.alt_m, item.params
                    )
                else:
                    await self.order(item.command, *item.params, item.lat_e7, item.lon_e7, item.alt_m)
            except CommandError as error:
                log.warning("%s is not set again: %s", command_name(item.command), error)

    # --- inside -----------------------------------------------------------------------------------

    @property
    def _home_amsl_m(self) -> float | None:
        """What heights above home count from."""
        home, position = self._telemetry.home, self._telemetry.position
        if home is not None:
            return home.alt_amsl_m
        return None if position is None else position.alt_amsl_m - position.height_home_m

    @property
    def _autopilot(self) -> Autopilot:
        autopilot = self._telemetry.autopilot
        if autopilot is None:
            raise CommandRefusedError(
                "the autopilot is neither ArduCopter nor PX4, and its modes are not known",
                hint="Set read_only = true to watch it without commanding it.",
            )
        return autopilot

    async def _done(
        self,
        send: Callable[[], Awaitable[None]],
        is_done: Callable[[], bool],
        patience_s: float,
        what: str,
        complaint: str,
    ) -> None:
        """Send it, then wait for the state that shows it, as long as the agent stays in control.

        No answer, or a refusal of a further try, leaves open whether it ran: the state settles it.
        """
        started_s = self._now()
        unsettled: CommandError | None = None
        with self._link.expect(*_STATE_MESSAGES) as news:
            try:
                await send()
            except CommandUnansweredError as error:
                unsettled = error
            except CommandError as error:
                if not error.retried:
                    raise
                unsettled = error
            deadline_s = self._now() + patience_s
            while not is_done():
                self._permit()
                left_s = deadline_s - self._now()
                if left_s <= 0:
                    if unsettled is not None:
                        raise unsettled
                    raise CommandUnconfirmedError(
                        f"{what} was accepted, but {complaint} after {patience_s:g} s",
                        hint="Look at the vehicle before anything else is sent.",
                        texts=self._texts(started_s),
                    )
                await news.next(min(left_s, 0.5))
        log.info("%s: done", what)
