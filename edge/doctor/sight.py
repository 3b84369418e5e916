"""The camera: whether it opens, how often and how large its pictures come, and what is on them."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge.camera import CameraEnded, CameraSource, Clock, open_camera, shown_source
from edge.config.camera_section import CameraSection, ThermalSection
from edge.doctor.check import Check
from edge.doctor.host import Host
from edge.geometry.optics import Camera, CameraProfileError
from edge.health.seeing import BLANK_CONTRAST
from edge.vision.flaw import Flaw
from edge.vision.quality import QualityJudge
from flight.errors import EmberwatchError

LOOK_S = 4.0
ANSWER_S = 20.0  # to open it, and for the last read to come back
RENDERED = "virtual"
ENOUGH = 0.8  # of the frames a second that are asked for

# <linux/videodev2.h>, <linux/v4l2-controls.h>
VIDIOC_G_CTRL = 0xC008561B
V4L2_CID_EXPOSURE_AUTO, V4L2_CID_FOCUS_AUTO = 0x009A0901, 0x009A090C
V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_SHUTTER_PRIORITY = 1, 2


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. ``trouble``: why nothing was."""

    source: str
    trouble: str = ""
    width_px: int = 0
    height_px: int = 0
    frames_per_s: float = 0.0
    wanted_per_s: float = 5.0
    misfit: str = ""
    """Why the pictures are not those of the camera's profile."""
    profile: str = ""
    flaw: Flaw = Flaw.NONE
    contrast: float = 0.0
    frozen: bool = False
    fixed_shutter: bool | None = None
    """None: the camera does not say."""
    fixed_focus: bool | None = None
    holders: tuple[str, ...] = field(default_factory=tuple)


def judge_sight(sight: Sight) -> list[Check]:
    """All that was seen, with what to do."""
    if sight.source == RENDERED:
        return [Check("camera", None, "it is rendered by the agent: there is nothing to connect")]
    if sight.trouble:
        if sight.holders:
            words = f"{', '.join(sight.holders)} has {sight.source} open"
            remedy = "If it is the agent, its page shows the picture; or stop it, and look again."
            return [Check("camera", None, words, remedy)]
        return [
            Check("camera", False, sight.trouble, "How each kind of camera is connected: hardware/camera.md")
        ]
    return [_size(sight), _rate(sight), _picture(sight), *_controls(sight)]


def _size(sight: Sight) -> Check:
    words = f"{sight.source}: {sight.width_px} x {sight.height_px}"
    if sight.misfit:
        return Check(
            "camera",
            False,
            f"{words}; {sight.misfit}",
            "Every position depends on it: hardware/cameras/README.md",
        )
    return Check("camera", True, f"{words}, as {sight.profile} has it")


def _rate(sight: Sight) -> Check:
    words = f"{sight.frames_per_s:.1f} a second come, {sight.wanted_per_s:g} are to be looked at"
    if sight.frames_per_s < ENOUGH * sight.wanted_per_s:
        remedy = "Dim light lengthens exposures; USB 2 carries few large pictures; or lower frames_per_s."
        return Check("frames", None, words, remedy)
    return Check("frames", True, words)


def _picture(sight: Sight) -> Check:
    if sight.frozen:
        return Check(
            "picture",
            False,
            "it is frozen: the same picture comes again and again",
            "Switch the camera off and on.",
        )
    if sight.flaw:
        return Check(
            "picture", False, sight.flaw.value, "Take the cap off, clean the lens, focus it far away."
        )
    if sight.contrast < BLANK_CONTRAST:
        return Check(
            "picture", False, "it is blank: a covered lens?", "Take the cap off, and point it at something."
        )
    return Check("picture", True, "it shows something, sharp enough to judge by")


def _controls(sight: Sight) -> list[Check]:
    checks = []
    if sight.fixed_shutter is not None:
        words = "its shutter is fixed" if sight.fixed_shutter else "it chooses its shutter by itself"
        remedy = (
            "Fine by day. In dim light it smears what moves: fix it at 1/250 s or less: hardware/camera.md"
        )
        checks.append(
            Check("exposure", sight.fixed_shutter or None, words, "" if sight.fixed_shutter else remedy)
        )
    if sight.fixed_focus is not None:
        words = "its focus is fixed" if sight.fixed_focus else "it focuses by itself"
        remedy = "Fix it far away: the lens that was calibrated changes with the focus: hardware/camera.md"
        checks.append(Check("focus", sight.fixed_focus or None, words, "" if sight.fixed_focus else remedy))
    return checks


def look_through(
    section: CameraSection,
    host: Host,
    *,
    look_s: float = LOOK_S,
    answer_s: float = ANSWER_S,
    opened: Callable[[CameraSection], CameraSource] | None = None,
) -> Sight:
    """Open the camera and look for some seconds. A driver that hangs is left behind in its thread."""
    source = shown_source(section.source)
    if section.source == RENDERED:
        return Sight(source)
    seen: list[Sight] = []

    def look() -> None:
        seen.append(_seen(section, opened or _open, look_s))

    thread = threading.Thread(target=look, name="doctor's camera", daemon=True)
    thread.start()
    thread.join(look_s + answer_s)
    device = host.target(section.source) if section.source.startswith("/dev/") else ""
    if not seen:
        return Sight(source, trouble=f"{source} hangs: no answer in {look_s + answer_s:.0f} s")
    sight = seen[0]
    if not device:
        return sight
    if sight.trouble:
        holders = tuple(f"{process.name} ({process.pid})" for process in host.holders(device))
        return replace(sight, holders=holders)
    shutter, focus = (_control(section.source, id_) for id_ in (V4L2_CID_EXPOSURE_AUTO, V4L2_CID_FOCUS_AUTO))
    fixed = (V4L2_EXPOSURE_MANUAL, V4L2_EXPOSURE_SHUTTER_PRIORITY)
    return replace(
        sight,
        fixed_shutter=None if shutter is None else shutter in fixed,
        fixed_focus=None if focus is None else not focus,
    )


def _open(section: CameraSection) -> CameraSource:
    if isinstance(section, ThermalSection):
        from edge.thermal.source import open_thermal

        scale = section.kelvin_per_count
        return open_thermal(section.source, scale, fps=section.frames_per_s, loop=section.loop)
    return open_camera(section.source, fps=section.frames_per_s, loop=section.loop, clock=Clock())


def _seen(section: CameraSection, opened: Callable[[CameraSection], CameraSource], look_s: float) -> Sight:
    source = shown_source(section.source)
    try:
        optics, camera = section.optics(), opened(section)
        try:
            return _looked(section, camera, optics, look_s)
        finally:
            camera.close()
    except EmberwatchError as error:
        return Sight(source, trouble=str(error))


def _looked(section: CameraSection, camera: CameraSource, optics: Camera, look_s: float) -> Sight:
    judge, end_s = QualityJudge(), time.monotonic() + look_s
    came_s: list[float] = []
    numbers: list[int] = []
    fingerprints, latest, size = set(), None, (0, 0)
    try:
        while time.monotonic() < end_s:
            frame = camera.read(timeout_s=1.0)
            if frame is None:
                continue
            latest = judge.judge(frame.image)
            fingerprints.add(latest.fingerprint)
            came_s.append(frame.monotonic_s)
            numbers.append(frame.seq)
            size = frame.image.shape[1], frame.image.shape[0]
    except CameraEnded:
        pass  # a short file: what came is judged
    source = shown_source(section.source)
    if latest is None:
        return Sight(source, trouble=f"{source} is open, and no picture comes in {look_s:g} s")
    return Sight(
        source,
        width_px=size[0],
        height_px=size[1],
        frames_per_s=_per_s(came_s, numbers),
        wanted_per_s=section.frames_per_s,
        misfit=_misfit(optics, *size),
        profile=section.profile,
        flaw=latest.flaw,
        contrast=latest.contrast,
        frozen=len(came_s) > 2 and len(fingerprints) == 1,
    )


def _per_s(came_s: list[float], numbers: list[int]) -> float:
    """Those that this program had no time for count: the camera gave them."""
    span_s = came_s[-1] - came_s[0]
    return (numbers[-1] - numbers[0]) / span_s if span_s > 0 else 0.0


def _misfit(optics: Camera, width_px: int, height_px: int) -> str:
    try:
        optics.at_size(width_px, height_px)
    except CameraProfileError as error:
        return error.message
    return ""


def _control(device: str, control: int) -> int | None:
    """What a V4L2 control is set to; None where the device has none such."""
    try:
        file = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        answer = fcntl.ioctl(file, VIDIOC_G_CTRL, struct.pack("=Ii", control, 0))
        value: int = struct.unpack("=Ii", answer)[1]
    except OSError:
        return None
    finally:
        os.close(file)
    return value
