"""The words of the live view, between drone, station and page.

A picture is one binary message, the same from the drone to every page (``uplink.live_view.frame``): a
``ViewFrame`` and a JPEG. Everything else is text: the drone and the pages say ``ViewSaid`` and ``ViewAsked``,
the station passes both on. Parts of a picture are told as shares of its width and height, from its upper left
corner, so that they hold at every size that it is sent in.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from uplink.messages import ErrorEllipse, Message, Position, UtcTime

FrameNumber = Annotated[int, Field(ge=1, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]
MOST_BOXES, MOST_MARKS = 16, 4


class ViewBox(Message):
    """Something that was found on a picture, and where it is on the ground."""

    label: Literal["fire", "smoke"]
    score: float = Field(ge=0, le=1, description="the detector's, of this one look")
    box: tuple[Share, Share, Share, Share] = Field(description="left, top, right, bottom")
    position: Position | None = Field(
        None,
        description="of the alert where it is one, else of this look alone; none of a bearing",
    )
    plus_minus_m: float | None = Field(None, ge=0, description="the longer semi-axis of its 90 % ellipse")
    alert_id: UUID | None = Field(None, description="of the alert that it is, if it has been told")


class ViewMark(Message):
    """Where a place that was picked lately is on this picture."""

    mark: int = Field(ge=1, le=2**31, description="of the `PickedPlace`")
    x: Share
    y: Share


class ViewLine(Message):
    """How the pictures are sent now, by what the link carries."""

    frames_per_s: float = Field(ge=0, description="aimed at")
    quality: int = Field(ge=1, le=100, description="of the JPEG")
    kbit_s: float = Field(ge=0, description="that were acknowledged, over the last seconds")
    rtt_ms: float | None = Field(None, ge=0, description="from sending the latest picture to its being seen")
    least_rtt_ms: float | None = Field(None, ge=0, description="of the last half minute")


class ViewFrame(Message):
    """What goes with a picture. ``frame`` counts up, and starts elsewhere at each start of the agent."""

    frame: FrameNumber
    captured_at: UtcTime = Field(description="exposure of the picture")
    time_source: Literal["gnss", "companion"] = Field(description="what `captured_at` was read from")
    sent_ms: float = Field(ge=0, description="when it was sent, by a clock that only differences count of")
    age_ms: float = Field(ge=0, description="of the picture when it was sent")
    width_px: int = Field(ge=1, le=4096)
    height_px: int = Field(ge=1, le=4096)
    boxes: list[ViewBox] = Field(default_factory=list, max_length=MOST_BOXES, description="the best first")
    marks: list[ViewMark] = Field(
        default_factory=list, max_length=MOST_MARKS, description="the latest places that were picked"
    )
    boxes_age_ms: float | None = Field(
        None,
        ge=0,
        description="how much older the frame is that the boxes were found on; they are moved along with the "
        "camera; none where no frame has been looked at",
    )
    no_pose: str = Field("", max_length=256, description="why this picture has no place on the ground, if so")
    azimuth_deg: float | None = Field(None, ge=0, lt=360, description="of the boresight, true north")
    elevation_deg: float | None = Field(None, ge=-90, le=90, description="of the boresight")
    blind_reason: str = Field("", max_length=256, description="why the agent would see no fire, if so")
    blind_since: UtcTime | None = None
    line: ViewLine


class ViewPick(Message):
    """A point of a picture whose place on the ground somebody wants to know."""

    id: int = Field(ge=1, le=2**31, description="chosen by who asks; the answer has it")
    frame: FrameNumber
    x: Share
    y: Share
    sigma: float = Field(
        0.002, gt=0, le=0.2, description="1σ of what it may be off by, as a share of the picture's width"
    )


class PickedPlace(Message):
    """Where a point of a picture is on the ground, or why that cannot be told."""

    id: int = Field(ge=1, le=2**31)
    frame: FrameNumber
    captured_at: UtcTime | None = None
    position: Position | None = Field(None, description="none where `why` says why")
    ellipse: ErrorEllipse | None = None
    method: Literal["dem", "flat", "bearing-only"] | None = Field(
        None, description="none where not even a bearing is known"
    )
    why: str = Field("", max_length=256, description="there is no position")
    mark: int | None = Field(
        None, ge=1, le=2**31, description="what it is called on the pictures that follow (`ViewMark`)"
    )
    slant_range_m: float | None = Field(None, ge=0)
    observer: Position | None = Field(None, description="where the camera was")
    bearing_deg: float | None = Field(None, ge=0, lt=360, description="from there, true north")
    bearing_sigma_deg: float | None = Field(None, ge=0, le=180)


class ViewAsked(Message):
    """What a page says to the station, and the station to the drone. ``ack``: this picture has been seen, and
    all before it have or have been dropped for it."""

    ack: FrameNumber | None = None
    age_ms: float | None = Field(None, ge=0, description="of the picture acknowledged, when it was seen")
    pick: ViewPick | None = None


class ViewState(Message):
    """Whether pictures come to a page, and if not, why."""

    state: Literal["sending", "asked", "no link", "refused"] = Field(
        description="asked: the drone has been told that somebody watches, and has not answered"
    )
    reason: str = Field("", max_length=256, description="the drone's, for refusing")
    viewers: int = Field(0, ge=0, description="pages that watch this drone")
    dropped: int = Field(0, ge=0, description="pictures that this page had no time for: newer ones came")


class ViewSaid(Message):
    """What the drone says to the station beside pictures, and the station to a page."""

    picked: PickedPlace | None = None
    refused: str | None = Field(
        None, max_length=256, description="why the drone sends none; empty: it does from now on"
    )
    state: ViewState | None = Field(None, description="to pages only")
