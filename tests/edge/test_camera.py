"""Every kind of camera gives frames at its pace, and says in one line why it cannot."""

from __future__ import annotations

import http.server
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge import camera as camera_module
from edge.camera import CameraEnded, CameraError, Clock, open_camera, shown_source
from tests.edge.rtsp_camera import HEIGHT_PX, WIDTH_PX, Mode, RtspCamera

FPS = 10.0


class FakeTime:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now_s += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self.sleep)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def grey(level: int) -> NDArray[np.uint8]:
    return np.full((48, 64, 3), level, np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """20 frames at 10 a second, each brighter by 10 than the one before."""
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (64, 48))
    for index in range(20):
        writer.write(grey(20 + 10 * index))
    writer.release()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "photos"
    path.mkdir()
    for index, name in enumerate(["a.png", "b.PNG", "d.jpg"]):
        cv2.imwrite(str(path / name), grey(50 * (index + 1)))
    (path / "c.jpg").write_bytes((path / "d.jpg").read_bytes()[:300])
    (path / "notes.txt").write_text("not a photo")
    (path / ".hidden.jpg").write_bytes(b"not a photo either")
    return path


def index_of(image: NDArray[np.uint8]) -> int:
    return round((float(image.mean()) - 20) / 10)


def test_a_video_plays_at_its_own_pace(video: Path, time: FakeTime) -> None:
    camera = open_camera(f"file:{video}", clock=time.clock)
    started_s = time.now_s
    frames = []
    for _ in range(20):
        frame = camera.read(timeout_s=1.0)
        assert frame is not None
        frames.append(frame)
    with pytest.raises(CameraEnded):
        camera.read(timeout_s=1.0)
    assert [index_of(frame.image) for frame in frames] == list(range(20))
    assert [frame.seq for frame in frames] == list(range(1, 21))
    assert [frame.monotonic_s - started_s for frame in frames] == pytest.approx([i / FPS for i in range(20)])
    assert time.now_s - started_s == pytest.approx(1.9)
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].source == str(video)


def test_a_frame_that_is_not_due_yet_is_given_later(video: Path, time: FakeTime) -> None:
    camera = open_camera(str(video), clock=time.clock)
    assert camera.read(1.0) is not None
    assert camera.read(0.04) is None
    assert camera.read(0.04) is None
    assert time.now_s == pytest.approx(1000.08)
    frame = camera.read(0.04)
    assert frame is not None
    assert index_of(frame.image) == 1
    assert frame.monotonic_s == pytest.approx(1000.1)


def test_a_reader_that_is_late_misses_frames_as_with_a_live_camera(video: Path, time: FakeTime) -> None:
    camera = open_camera(str(video), clock=time.clock)
    camera.read(1.0)
    time.sleep(0.75)
    frame = camera.read(1.0)
    assert frame is not None
    assert index_of(frame.image) == 7
    assert frame.seq == 8
    assert frame.monotonic_s == pytest.approx(1000.7)


def test_a_machine_too_slow_for_the_video_still_sees_some_of_it(video: Path) -> None:
    """Each step takes longer than the frame lasts: skipping alone would skip everything."""
    time = FakeTime()

    def slow_now() -> float:
        time.now_s += 0.15
        return time.now_s

    camera = open_camera(str(video), clock=Clock(slow_now, time.sleep))
    seen = [camera.read(0.5) for _ in range(4)]
    frames = [frame for frame in seen if frame is not None]
    assert len(frames) == 4
    indices = [index_of(frame.image) for frame in frames]
    assert indices == sorted(set(indices))
    assert [frame.monotonic_s for frame in frames] == sorted({frame.monotonic_s for frame in frames})


def test_a_video_in_a_loop_goes_on_without_a_jump_in_time(video: Path, time: FakeTime) -> None:
    camera = open_camera(str(video), loop=True, clock=time.clock)
    frames = [camera.read(1.0) for _ in range(45)]
    assert [index_of(f.image) for f in frames if f] == [*range(20), *range(20), *range(5)]
    assert [f.monotonic_s for f in frames if f] == pytest.approx([1000 + i / FPS for i in range(45)])
    assert [f.seq for f in frames if f] == list(range(1, 46))
    camera.close()


def test_a_damaged_video_says_how_much_of_it_was_read(
    tmp_path: Path, time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "damaged.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (64, 48))
    noise = np.random.default_rng(1)
    for _ in range(20):
        writer.write(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    camera = open_camera(str(path), clock=time.clock)
    with pytest.raises(CameraEnded):
        list(iter(lambda: camera.read(1.0), None))
    assert "damaged" in caplog.text
    assert "of 20 frames could be read" in caplog.text


def test_a_folder_is_paced_and_its_broken_photo_is_reported_once(
    folder: Path, time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    camera = open_camera(f"folder:{folder}", fps=4.0, loop=True, clock=time.clock)
    frames = [camera.read(1.0) for _ in range(6)]
    assert [round(float(f.image.mean()), -1) for f in frames if f] == [50, 100, 150, 50, 100, 150]
    assert [f.monotonic_s for f in frames if f] == pytest.approx([1000 + i / 4 for i in range(6)])
    reports = [record.getMessage() for record in caplog.records]
    assert len(reports) == 1
    assert "c.jpg" in reports[0]
    assert camera.read(0.1) is None


def test_a_folder_ends(folder: Path, time: FakeTime) -> None:
    camera = open_camera(str(folder), fps=1000.0, clock=time.clock)
    for _ in range(3):
        assert camera.read(1.0) is not None
    with pytest.raises(CameraEnded, match="has ended"):
        camera.read(1.0)


def test_a_folder_of_broken_photos_is_an_error_and_no_endless_loop(tmp_path: Path, time: FakeTime) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff nothing")
    camera = open_camera(str(tmp_path), loop=True, clock=time.clock)
    with pytest.raises(CameraError, match="not one photo in it can be read") as caught:
        camera.read(1.0)
    assert not isinstance(caught.value, CameraEnded)


def make_text(path: Path) -> Path:
    path.write_text("this is no video")
    return path


def make_empty(path: Path) -> Path:
    path.touch()
    return path


def make_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path, "no such file"),
        (make_text, "it is not a video"),
        (make_empty, "the file is empty"),
        (make_pipe, "it is not a file"),
    ],
)
def test_what_is_wrong_with_a_video(
    tmp_path: Path, make: Callable[[Path], Path], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path / "x.mp4")
    with pytest.raises(CameraError) as caught:
        open_camera(str(path))
    assert says in caught.value.message
    assert str(path) in caught.value.message
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", ""), "libraries must not print beside our one line"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("folder:{empty}", "holds no photos"),
        ("folder:{empty}/missing", "no such file or directory"),
        ("{empty}", "holds no photos"),
        ("/dev/video77", "No such device: /dev/video77"),
        ("v4l2:77", "No such device: /dev/video77"),
        ("gopher://user:s3cret@camera/1", "gopher://camera/1 is not a camera"),
    ],
)
def test_what_is_wrong_with_other_sources(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(CameraError, match=says) as caught:
        open_camera(source.format(empty=tmp_path))
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.5:554/live", "rtsp://10.0.0.5:554/live"),
        ("rtsp://admin:s3/c@re?t@10.0.0.5/live", "rtsp://10.0.0.5/live"),
        ("http://10.0.0.5/mjpg?user=admin&password=s3cret", "http://10.0.0.5/mjpg?…"),
        ("RTSPS://admin@host/x", "RTSPS://host/x"),
        ("rtsp://host/x", "rtsp://host/x"),
        ("/dev/video0", "/dev/video0"),
        ("photos/me@home", "photos/me@home"),
    ],
)
def test_secrets_of_a_url_are_not_shown(source: str, shown: str) -> None:
    assert shown_source(source) == shown


def test_a_dead_stream_is_one_line_without_the_password(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        # Bound but not listening: nothing can answer there.
        with pytest.raises(CameraError) as caught:
            open_camera(f"rtsp://admin:s3cret@127.0.0.1:{port}/live")
    assert caught.value.message == f"Camera rtsp://127.0.0.1:{port}/live cannot be opened."
    assert capfd.readouterr() == ("", "")


def test_a_silent_stream_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and never speaks is the worst kind; the test's own limit is its proof."""
    monkeypatch.setattr(camera_module, "OPEN_TIMEOUT_S", 0.3)
    monkeypatch.setattr(camera_module, "READ_TIMEOUT_S", 0.3)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(CameraError, match="cannot be opened"),
    ):
        open_camera(f"http://127.0.0.1:{server.getsockname()[1]}/live")


@pytest.fixture
def stream() -> Iterator[str]:
    """A camera on the network: ten JPEGs to each who asks, then it hangs up."""
    ok, data = cv2.imencode(".jpg", grey(120))
    assert ok
    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)

    class Mjpeg(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != "Basic YWRtaW46czNjcmV0":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for _ in range(10):
                self.wfile.write(part + data.tobytes() + b"\r\n")

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mjpeg)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://admin:s3cret@127.0.0.1:{server.server_port}/live.mjpg"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_stream_that_breaks_off_is_opened_again_and_told_once(
    stream: str, time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    camera = open_camera(stream, clock=time.clock)
    outcomes = [camera.read(timeout_s=0.2) for _ in range(40)]
    frames = [frame for frame in outcomes if frame is not None]
    assert len(frames) > 15, "frames come again after the break"
    assert None in outcomes
    assert [frame.seq for frame in frames] == list(range(1, len(frames) + 1))
    assert abs(float(frames[-1].image.mean()) - 120) < 3
    assert "s3cret" not in caplog.text + frames[0].source
    messages = [record.getMessage() for record in caplog.records]
    breaks = sum("gives no frames" in message for message in messages)
    assert breaks >= 1
    assert sum("is back" in message for message in messages) in (breaks, breaks - 1)
    camera.close()


@pytest.mark.parametrize("fault", ["silent", "gone"])
def test_an_rtsp_stream_that_hangs_or_ends_is_opened_again_and_gives_frames(
    fault: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(camera_module, "READ_TIMEOUT_S", 1.0)
    monkeypatch.setattr(camera_module, "REOPEN_DELAYS_S", (0.01,))
    caplog.set_level(logging.INFO)
    with RtspCamera() as server:
        camera = open_camera(server.url)
        frame = camera.read(0.2)
        assert frame is not None
        assert frame.image.shape == (HEIGHT_PX, WIDTH_PX, 3)
        server.mode = fault
        while camera.read(0.2) is not None:  # what has come already
            pass
        server.mode = "live"
        while (frame := camera.read(0.2)) is None:
            pass
        assert frame.image.std() > 5, "a picture, and not a grey field"
        assert server.plays >= 2, "connected anew"
        camera.close()
    assert "gives no frames" in caplog.text
    assert "is back" in caplog.text


class Driver:
    """What OpenCV makes of a V4L2 device, for machines without one: it is there while its node is."""

    def __init__(self) -> None:
        self._node: Path | None = None

    def open(self, node: str, backend: int) -> None:
        self._node = Path(node) if backend == cv2.CAP_V4L2 and Path(node).exists() else None

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self._node is not None

    def set(self, _what: int, _value: float) -> bool:
        return False

    def grab(self) -> bool:
        if self._node is None or not self._node.exists():
            self._node = None  # a plug that comes back makes a new device: this one stays dead
            return False
        return True

    def retrieve(self) -> tuple[bool, NDArray[np.uint8]]:
        return True, grey(90)

    def release(self) -> None:
        self._node = None


def test_a_device_that_is_plugged_in_again_is_opened_again_within_seconds(
    tmp_path: Path, time: FakeTime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Driver)
    caplog.set_level(logging.INFO)
    node = tmp_path / "video0"
    node.touch()
    camera = open_camera(f"v4l2:{node}", clock=time.clock)
    assert camera.read(1.0) is not None
    node.unlink()
    gone_s = time.now_s
    while time.now_s < gone_s + 60.0:
        assert camera.read(1.0) is None
    node.touch()
    back_s = time.now_s
    while (frame := camera.read(1.0)) is None:
        pass
    assert time.now_s - back_s <= camera_module.REOPEN_DELAYS_S[-1]
    assert frame.seq == 2
    told = [record.getMessage() for record in caplog.records]
    assert [("gives no frames" in one, "is back" in one) for one in told] == [(True, False), (False, True)]
