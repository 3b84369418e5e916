"""The judge's own eyes: hears the virtual drone's truth and notes when each fire was first in view."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

from edge.demo.verdict import TrueFire
from flight.link import Codec
from hardware.virtual.camera import TruthReader
from hardware.virtual.lens import VirtualLens
from hardware.virtual.render.render import Renderer
from hardware.virtual.world.world import World

VISIBLE_FLAME_PX = 8.0  # smaller than this nobody could call it a fire
CHECK_PERIOD_S = 0.2
LARGEST_DATAGRAM = 65536


class TruthWatcher:
    """A context that listens on a loopback UDP port in a thread of its own."""

    def __init__(self, world: World, port: int) -> None:
        self._world = world
        self._renderer = Renderer(world, VirtualLens())
        self._port = port
        self._visible_s: dict[str, float] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._listen, name="judge", daemon=True)

    def __enter__(self) -> TruthWatcher:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(CHECK_PERIOD_S)
        self._socket.bind(("127.0.0.1", self._port))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._thread.join()
        self._socket.close()

    def fires(self) -> list[TrueFire]:
        """Every fire of this world, with the instant at which the camera first had it in view."""
        return [
            TrueFire(fire.id, fire.lat_deg, fire.lon_deg, self._visible_s.get(fire.id))
            for fire in self._world.fires
        ]

    def _listen(self) -> None:
        codec, reader = Codec(), TruthReader()
        checked_s = 0.0
        while not self._closing:
            try:
                data = self._socket.recv(LARGEST_DATAGRAM)
            except TimeoutError:
                continue
            now_s = time.monotonic()
            for message in codec.decode(data):
                pose = reader.pose_of(message)
                if pose is None or now_s - checked_s < CHECK_PERIOD_S:
                    continue
                checked_s = now_s
                for seen in self._renderer.visible_fires(pose):
                    if seen.flame_height_px >= VISIBLE_FLAME_PX:
                        self._visible_s.setdefault(seen.fire_id, now_s)
