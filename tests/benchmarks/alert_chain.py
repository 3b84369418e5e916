"""How long it takes from the frame that confirms a fire to the webhook that tells of it.

The demo's chain on loopback, with the parts that a drone and a station really have: the shipped detector
looks at the frame, the alert goes into the outbox on the disk, the client sends it to a station process,
which commits it, finds its incident, and posts a signed webhook to a receiver. The clock starts at the
frame's exposure, which is the alert's ``confirmed_at``, and stops when the receiver has checked the
signature. A frame and its picture come every half second, so that pictures are under way beside the alerts.
Not in it: the wait of a frame for the one before it, and the tracker.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.sink import WebhookSink
from models.detector import Detector
from tests.benchmarks.table import Row
from tests.uplink.makers import DRONE, HOME, make_alert, sha256_of
from uplink.client import UplinkClient
from uplink.messages import Alert
from uplink.outbox import Outbox

ALERTS = 200
EVERY_S = 0.5
WIDTH_PX, HEIGHT_PX = 1280, 720
LAST_WAIT_S = 30.0
REPOSITORY = Path(__file__).parents[2]


def rows() -> list[Row]:
    took_s = sorted(measure())
    p50, p99 = statistics.quantiles(took_s, n=100)[49], statistics.quantiles(took_s, n=100)[98]
    return [
        Row(
            f"from the confirming frame to the webhook, {len(took_s)} alerts: detector, outbox, client, "
            "station process, receiver",
            f"p50 {p50:.2f} s, p99 {p99:.2f} s (slowest {took_s[-1]:.2f} s)",
            "p50 ≤ 1.5 s, p99 ≤ 3 s",
        )
    ]


def measure(alerts: int = ALERTS) -> list[float]:
    """Seconds from exposure to webhook, of each alert. Raises when one does not arrive."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    sink = WebhookSink(secret)
    key = secrets.token_hex(16)
    # Both clocks at one instant: exposures are told as UTC, the receiver's are monotonic.
    offset_s = time.time() - time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder, _station(Path(folder), key, secret, sink.url) as url:
            told = asyncio.run(_fly(Path(folder), url, key, alerts, sink))
            received_s = {
                delivery.alert.id: delivery.received_s + offset_s
                for delivery in sink.deliveries
                if delivery.type == "alert.confirmed"
            }
    finally:
        sink.close()
    if missing := [alert.id for alert in told if alert.id not in received_s]:
        raise RuntimeError(f"{len(missing)} of {alerts} alerts were not told within {LAST_WAIT_S:.0f} s")
    return [received_s[alert.id] - alert.confirmed_at.timestamp() for alert in told]


async def _fly(folder: Path, url: str, key: str, alerts: int, sink: WebhookSink) -> list[Alert]:
    detector = Detector.load(threads=1)
    frame = _frame()
    told: list[Alert] = []
    with Outbox(folder / "outbox.db") as outbox:
        client = asyncio.create_task(UplinkClient(url, DRONE, key, outbox).run())
        try:
            await asyncio.to_thread(detector.detect, frame)  # the first time plans its memory
            next_s = time.monotonic()
            for number in range(alerts):
                await asyncio.sleep(max(0.0, next_s - time.monotonic()))
                next_s += EVERY_S
                exposed_at = datetime.now(UTC)
                alert, media = await asyncio.to_thread(_look, detector, frame, number, exposed_at)
                await asyncio.to_thread(outbox.put_alert, alert, media)
                told.append(alert)
            async with asyncio.timeout(LAST_WAIT_S):
                while len({each.alert.id for each in sink.deliveries}) < alerts:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass  # who asked sees which are missing
        finally:
            client.cancel()
            await asyncio.gather(client, return_exceptions=True)
    return told


def _look(
    detector: Detector, frame: NDArray[np.uint8], number: int, exposed_at: datetime
) -> tuple[Alert, dict[str, bytes]]:
    """What the drone makes of one frame: detections, and an alert with the frame as its picture."""
    detector.detect(frame)
    marked = cv2.putText(frame.copy(), str(number), (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (255, 255, 255))
    picture = cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    alert = make_alert(pictures=(picture,))
    seen: dict[str, Any] = dict.fromkeys(("first_seen_at", "last_seen_at", "confirmed_at"), exposed_at)
    # Each fire is one of its own, 500 m from the last.
    place = HOME.model_copy(update={"lat_deg": HOME.lat_deg + 0.0045 * number})
    return alert.model_copy(update=seen | {"position": place}), {sha256_of(picture): picture}


def _frame() -> NDArray[np.uint8]:
    """Ground as a camera sees it: smooth, with a little noise; about 40 kB as a JPEG."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(40, 160, (HEIGHT_PX // 20, WIDTH_PX // 20, 3), np.uint8)
    smooth = cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(smooth, (0, 0), 3), np.uint8)


@contextmanager
def _station(folder: Path, key: str, secret: str, webhook_url: str) -> Iterator[str]:
    for name, text in (("drone.key", key), ("webhook.secret", secret)):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    config = folder / "station.toml"
    config.write_text(
        f"""\
[station]
port = 0
data_dir = "data"
[[station.drones]]
id = "{DRONE}"
key_file = "drone.key"
[[station.webhooks]]
url = "{webhook_url}"
secret_file = "webhook.secret"
allow_private = true
"""
    )
    log = folder / "log"
    station = subprocess.Popen(
        [sys.executable, "-m", "edge.cli", "station", "-c", str(config)],
        stderr=log.open("wb"),
        cwd=REPOSITORY,
    )
    try:
        yield _url_in(log, station)
    finally:
        station.terminate()
        station.wait(timeout=30)


def _url_in(log: Path, station: subprocess.Popen[bytes]) -> str:
    while True:
        text = log.read_text()
        if "station listens on" in text and text.endswith("\n"):
            return next(line.split()[-1] for line in text.splitlines() if "station listens on" in line)
        if station.poll() is not None:
            raise RuntimeError(text)
        time.sleep(0.05)
