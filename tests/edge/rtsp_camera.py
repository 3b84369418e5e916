"""An RTSP camera (JPEG over RTP, interleaved in TCP: RFC 2326 and 2435) that a test may hang or unplug."""

from __future__ import annotations

import itertools
import re
import socketserver
import struct
import threading
import time
from types import TracebackType
from typing import Literal, Self

import cv2
import numpy as np

Mode = Literal["live", "silent", "gone"]
FRAMES_PER_S = 20.0
WIDTH_PX, HEIGHT_PX = 160, 96  # told in eighths
_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track\r\n"


class RtspCamera:
    """``live``: always new frames; ``silent``: connected, and nothing comes; ``gone``: nobody answers."""

    def __init__(self) -> None:
        camera = self
        self.mode: Mode = "live"
        self.plays = 0
        """How often somebody has begun to look."""

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    camera._serve(self)
                except OSError:
                    return

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"rtsp://127.0.0.1:{self._server.server_address[1]}/live"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mode = "gone"
        self._server.shutdown()
        self._server.server_close()

    def _is(self, mode: Mode) -> bool:
        return self.mode == mode

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        while not self._is("gone"):
            lines = list(iter(lambda: handler.rfile.readline().decode().strip(), ""))
            if not lines:
                return
            verb = lines[0].split()[0]
            number = next(line for line in lines if line.lower().startswith("cseq"))
            answer = f"RTSP/1.0 200 OK\r\n{number}\r\nSession: 1\r\n"
            body = _SDP if verb == "DESCRIBE" else ""
            if verb == "OPTIONS":
                answer += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif verb == "SETUP":
                answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            elif body:
                answer += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            handler.wfile.write(f"{answer}\r\n{body}".encode())
            if verb == "PLAY":
                self.plays += 1
                self._play(handler)
                return

    def _play(self, handler: socketserver.StreamRequestHandler) -> None:
        sequence = itertools.count()
        for number in itertools.count():
            if self._is("gone"):
                return
            if self._is("live"):
                picture = np.random.default_rng(number).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
                jpeg = cv2.imencode(".jpg", cv2.blur(picture, (9, 9)))[1].tobytes()
                for packet in _packets(jpeg, round(number * 90_000 / FRAMES_PER_S), sequence):
                    handler.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
            time.sleep(1 / FRAMES_PER_S)


def _packets(jpeg: bytes, timestamp: int, sequence: itertools.count[int]) -> list[bytes]:
    """One picture as RTP. What a JPEG says in its head is told in another form; its scan goes as it is."""
    tables = b"".join(found[5:69] for found in re.findall(rb"\xff\xdb\x00\x43.{65}", jpeg, re.DOTALL))
    start = jpeg.index(b"\xff\xda")
    scan = jpeg[start + 2 + struct.unpack(">H", jpeg[start + 2 : start + 4])[0] : -2]
    packets = []
    for offset in range(0, len(scan), 1400):
        part = scan[offset : offset + 1400]
        is_last = offset + 1400 >= len(scan)
        rtp = struct.pack(">BBHII", 0x80, 26 | is_last << 7, next(sequence) & 0xFFFF, timestamp, 1)
        # Type 1 is 4:2:0; a quality of 255 says that the tables come along.
        head = struct.pack(">I", offset) + bytes((1, 255, WIDTH_PX // 8, HEIGHT_PX // 8))
        head += b"" if offset else struct.pack(">BBH", 0, 0, len(tables)) + tables
        packets.append(rtp + head + part)
    return packets
