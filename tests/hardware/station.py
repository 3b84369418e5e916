"""A ground station for tests: it speaks to a virtual autopilot without a socket, in simulation time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flight.autopilots.ardupilot import ArduCopter
from flight.link import Codec, mavlink
from flight.plans.items import MissionItem
from hardware.virtual.drone.autopilot import VirtualAutopilot, VirtualDroneConfig

COMPANION = (1, 191)
PILOTS_STATION = (255, 190)
UTC_AT_BOOT_S = 1_700_000_000.0


def config(**changes: Any) -> VirtualDroneConfig:
    """A drone that does not ask this machine for the time."""
    return VirtualDroneConfig(**({"utc_at_boot_s": UTC_AT_BOOT_S} | changes))


class Station:
    """``heard`` is everything the autopilot has sent; ``truth`` what it tells the virtual hardware."""

    def __init__(self, drone: VirtualDroneConfig | None = None, *, hears_truth: bool = False) -> None:
        self.heard: list[Any] = []
        self.truth: list[Any] = []
        self._codec, self._truth_codec = Codec(), Codec()
        self._encoders = {who: Codec(*who) for who in (COMPANION, PILOTS_STATION, (7, 1))}
        self.autopilot = VirtualAutopilot(
            drone or config(),
            send=lambda data: self.heard.extend(self._codec.decode(data)),
            send_truth=self._hear_truth if hears_truth else None,
        )
        self.autopilot.receive(b"")  # it says hello

    def _hear_truth(self, data: bytes) -> None:
        self.truth.extend(self._truth_codec.decode(data))

    @property
    def now_s(self) -> float:
        return self.autopilot.copter.now_s

    def wait(self, seconds: float) -> None:
        """Let simulation time pass."""
        self.autopilot.advance(self.now_s + seconds)

    def until(self, condition: Callable[[], bool], at_most_s: float) -> None:
        """Let time pass until it is so; fails when it takes longer."""
        end_s = self.now_s + at_most_s
        while not condition():
            assert self.now_s < end_s, f"not within {at_most_s} s; mode {self.mode}, texts {self.texts[-5:]}"
            self.wait(0.1)

    # --- speaking -------------------------------------------------------------------------------

    def send(self, message: Any, who: tuple[int, int] = COMPANION) -> list[Any]:
        """Send one message; what came back at once."""
        before = len(self.heard)
        self.autopilot.receive(self._encoders[who].encode(message))
        return self.heard[before:]

    def command(self, command: int, *params: float, who: tuple[int, int] = COMPANION) -> int:
        """Send a COMMAND_LONG; the result in its acknowledgement."""
        values = [*params, *[0.0] * (7 - len(params))]
        return self._result(
            command, self.send(mavlink.MAVLink_command_long_message(1, 1, command, 0, *values), who)
        )

    def command_int(
        self, command: int, place: tuple[float, float, float], *params: float, frame: int = 3
    ) -> int:
        """Send a COMMAND_INT with a (lat_deg, lon_deg, alt_m)."""
        values = [*params, *[0.0] * (4 - len(params))]
        lat, lon, alt = place
        message = mavlink.MAVLink_command_int_message(
            1, 1, frame, command, 0, 0, *values, round(lat * 1e7), round(lon * 1e7), alt
        )
        return self._result(command, self.send(message))

    @staticmethod
    def _result(command: int, answers: list[Any]) -> int:
        (ack,) = (each for each in answers if each.get_type() == "COMMAND_ACK")
        assert ack.command == command
        return int(ack.result)

    def mode_to(self, number: int) -> int:
        return self.command(mavlink.MAV_CMD_DO_SET_MODE, 1, number)

    def beat(self, who: tuple[int, int]) -> None:
        """Send a heartbeat, as a station or a companion does."""
        kind = mavlink.MAV_TYPE_GCS if who == PILOTS_STATION else mavlink.MAV_TYPE_ONBOARD_CONTROLLER
        self.send(mavlink.MAVLink_heartbeat_message(kind, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, 0, 3), who)

    def stream(self, message_id: int, rate_hz: float) -> int:
        return self.command(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL, message_id, 1e6 / rate_hz)

    def upload(self, items: Sequence[MissionItem], kind: int = 0, who: tuple[int, int] = COMPANION) -> int:
        """Upload a plan as the protocol wants it; the result in the MISSION_ACK."""
        answers = self.send(mavlink.MAVLink_mission_count_message(1, 1, len(items), kind), who)
        while True:
            for answer in answers:
                if answer.get_type() == "MISSION_ACK":
                    return int(answer.type)
            (request,) = (each for each in answers if each.get_type() == "MISSION_REQUEST")
            answers = self.send(item_message(items[request.seq], kind), who)

    def download(self, kind: int = 0) -> list[MissionItem]:
        (count,) = self.send(mavlink.MAVLink_mission_request_list_message(1, 1, kind))
        items = []
        for seq in range(count.count):
            (item,) = self.send(mavlink.MAVLink_mission_request_int_message(1, 1, seq, kind))
            params = (item.param1, item.param2, item.param3, item.param4)
            items.append(MissionItem(item.seq, item.command, item.frame, params, item.x, item.y, item.z))
        return items

    def to_guided_and_up(self, height_m: float) -> None:
        """Wait for a position, arm in GUIDED, take off, and be there."""
        self.until(lambda: self.autopilot.copter.position_ok, 10.0)
        assert self.mode_to(4) == 0
        assert self.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1) == 0
        assert self.command(mavlink.MAV_CMD_NAV_TAKEOFF, 0, 0, 0, 0, 0, 0, height_m) == 0
        self.until(lambda: self.height_m > height_m - 3.0, 10.0 + height_m)

    def set(self, name: str, value: float) -> float:
        """Set a parameter; what it is then."""
        (row,) = self.send(mavlink.MAVLink_param_set_message(1, 1, name.encode(), value, 9))
        return float(row.param_value)

    def ask(self, message_id: int) -> Any:
        """One message, by MAV_CMD_REQUEST_MESSAGE."""
        assert self.command(mavlink.MAV_CMD_REQUEST_MESSAGE, message_id) == 0
        return next(message for message in reversed(self.heard) if message.get_msgId() == message_id)

    # --- hearing --------------------------------------------------------------------------------

    def of(self, kind: str) -> list[Any]:
        return [message for message in self.heard if message.get_type() == kind]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.of("STATUSTEXT")]

    @property
    def mode(self) -> int:
        """The mode in the newest heartbeat."""
        beats = self.of("HEARTBEAT")
        return int(beats[-1].custom_mode) if beats else -1

    @property
    def armed(self) -> bool:
        return bool(self.of("HEARTBEAT")[-1].base_mode & mavlink.MAV_MODE_FLAG_SAFETY_ARMED)

    @property
    def height_m(self) -> float:
        """The true height above the ground at home."""
        body = self.autopilot.copter.body
        return body.truth.alt_m - body.frame.height_m


def item_message(item: MissionItem, kind: int = 0) -> Any:
    item = ArduCopter().for_wire(item)
    place = (item.lat_e7, item.lon_e7, item.alt_m)
    return mavlink.MAVLink_mission_item_int_message(
        1, 1, item.seq, item.frame, item.command, 0, 1, *item.params, *place, kind
    )
