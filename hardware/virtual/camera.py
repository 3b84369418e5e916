"""The virtual camera: bolted to the virtual airframe, it renders what it truly sees and says when.

The virtual autopilot tells the truth over its own UDP port: SIM_STATE (place and attitude of the
airframe) and, at once after it, GIMBAL_DEVICE_ATTITUDE_STATUS. That is how a rendered camera knows where it
is, as a real one does by being there; the agent never hears it.
"""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from flight.errors import EmberwatchError
from flight.link import Codec, Endpoint, Message, mavlink
from hardware.virtual.lens import VirtualLens
from hardware.virtual.pose import Quaternion, TruePose, quaternion_from_euler, quaternion_product
from hardware.virtual.render.render import Renderer
from hardware.virtual.world.world import World

log = logging.getLogger(__name__)

_POLL_S = 0.2
_LARGEST_DATAGRAM = 65536


class VirtualCameraError(EmberwatchError):
    """The virtual camera cannot listen where it was told to."""


@dataclass(slots=True)
class TruthReader:
    """Puts SIM_STATE and the gimbal's attitude together to poses. Pure: bytes in, newest pose out."""

    _airframe: Message | None = None

    def pose_of(self, message: Message) -> TruePose | None:
        """The pose that ``message`` completes, or None when it is not the second half of one."""
        kind = message.get_type()
        if kind == "SIM_STATE":
            self._airframe = message
            return None
        if kind != "GIMBAL_DEVICE_ATTITUDE_STATUS" or self._airframe is None:
            return None
        state = self._airframe
        self._airframe = None
        # SIM_STATE's float degrees are only good to a metre; the integers are extension fields.
        if state.lat_int or state.lon_int:
            lat_deg, lon_deg = state.lat_int / 1e7, state.lon_int / 1e7
        else:
            lat_deg, lon_deg = float(state.lat), float(state.lon)
        return TruePose(
            lat_deg,
            lon_deg,
            float(state.alt),
            _gimbal_to_earth(message, (state.q1, state.q2, state.q3, state.q4)),
            message.time_boot_ms / 1000.0,
        )


def _gimbal_to_earth(message: Message, airframe: Quaternion) -> Quaternion:
    """The gimbal's attitude against north: its yaw is the vehicle's or the earth's, as its flags say."""
    w, x, y, z = (float(value) for value in message.q)
    in_earth = message.flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_EARTH_FRAME
    in_vehicle = message.flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_IN_VEHICLE_FRAME
    if not in_earth and not in_vehicle:
        # Devices from before these flags: a locked yaw is the earth's.
        in_earth = message.flags & mavlink.GIMBAL_DEVICE_FLAGS_YAW_LOCK
    if in_earth:
        return w, x, y, z
    aw, ax, ay, az = (float(value) for value in airframe)
    yaw_rad = math.atan2(2.0 * (aw * az + ax * ay), 1.0 - 2.0 * (ay * ay + az * az))
    return quaternion_product(quaternion_from_euler(0.0, 0.0, yaw_rad), (w, x, y, z))


class Shoots(Protocol):
    """Whatever makes a picture at a pose."""

    def render(self, pose: TruePose) -> NDArray[Any]: ...


class VirtualCamera:
    """A camera whose frames are rendered from the newest truth that has come in.

    A thread listens; ``read`` renders in the caller's. ``VirtualCameraError`` if the port cannot be had.
    """

    def __init__(
        self,
        world: World,
        lens: VirtualLens,
        truth_url: str = "udpin:127.0.0.1:14660",
        *,
        renderer: Shoots | None = None,
    ) -> None:
        """``renderer``: another one than that of colour pictures through ``lens``."""
        endpoint = Endpoint.parse(truth_url)
        if not endpoint.listens:
            raise VirtualCameraError(
                f"the virtual camera cannot listen at {truth_url!r}.", hint="Write udpin:127.0.0.1:14660."
            )
        self.renderer: Shoots = renderer or Renderer(world, lens)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(_POLL_S)
        try:
            self._socket.bind((endpoint.host, endpoint.port))
        except OSError as error:
            self._socket.close()
            raise VirtualCameraError(
                f"the virtual camera cannot listen at {truth_url!r}: {error.strerror or error}.",
                hint="Another camera may be running; stop it or choose another port.",
            ) from error
        self._fresh = threading.Condition()
        self._newest: tuple[TruePose, float] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._listen, name="virtual-camera", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The UDP port that listens for the truth."""
        return int(self._socket.getsockname()[1])

    def read(self, timeout_s: float) -> tuple[NDArray[Any], float] | None:
        """(picture, monotonic instant of its exposure), or None if no new truth comes in ``timeout_s``.

        The exposure is the instant at which the truth that it shows was received.
        """
        with self._fresh:
            if not self._fresh.wait_for(lambda: self._newest is not None or self._closing, timeout_s):
                return None
            if self._newest is None:
                return None
            pose, received_s = self._newest
            self._newest = None
        return self.renderer.render(pose), received_s

    def close(self) -> None:
        """Stop listening. A waiting ``read`` returns None."""
        with self._fresh:
            self._closing = True
            self._fresh.notify_all()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        codec, reader = Codec(), TruthReader()
        while not self._closing:
            try:
                data = self._socket.recv(_LARGEST_DATAGRAM)
            except TimeoutError:
                continue
            received_s = time.monotonic()
            for message in codec.decode(data):
                pose = reader.pose_of(message)
                if pose is None:
                    continue
                with self._fresh:
                    self._newest = (pose, received_s)
                    self._fresh.notify_all()
