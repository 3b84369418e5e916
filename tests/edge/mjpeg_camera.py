"""A network camera (MJPEG over HTTP) whose driver a test may hang, and whose plug it may pull."""

from __future__ import annotations

import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self

import cv2
import numpy as np

Mode = Literal["live", "bright", "silent", "gone"]
FRAMES_PER_S = 10.0


class MjpegCamera:
    """``live``: always new frames; ``bright``: such too, all but white; ``silent``: connected, and nothing
    comes; ``gone``: it hangs up."""

    def __init__(self) -> None:
        camera = self
        self.mode: Mode = "live"
        self._ended = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._serve(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/cam.mjpg"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _is_gone(self) -> bool:
        return self.mode == "gone"

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        if self._is_gone():
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        try:
            for number in itertools.count():
                if self._is_gone() or self._ended.is_set():
                    return
                if self.mode in ("live", "bright"):
                    least = 0 if self.mode == "live" else 230
                    picture = np.random.default_rng(number).integers(least, 255, (90, 160, 3), np.uint8)
                    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    handler.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(1 / FRAMES_PER_S)
        except OSError:
            return
