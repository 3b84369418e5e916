"""What the pilot hears of the agent's sight."""

from __future__ import annotations

from edge.health import Seeing
from edge.pilot_told import BACK_S, START_S, PilotTold
from uplink.messages import SeeingState


def sees(since_s: float) -> Seeing:
    return Seeing(SeeingState.SEEING, "", since_s)


def blind(since_s: float, why: str = "the picture is frozen") -> Seeing:
    return Seeing(SeeingState.BLIND, why, since_s)


def texts(told: PilotTold, story: list[tuple[float, Seeing]]) -> list[str]:
    return [news.text for now_s, seeing in story if (news := told.news(seeing, now_s)) is not None]


def test_blindness_and_its_end_are_told_once_each() -> None:
    story = [(1.0, sees(1.0))]
    story += [(10 + tenths / 10, blind(10.0)) for tenths in range(300)]
    story += [(40 + tenths / 10, sees(40.0)) for tenths in range(300)]
    assert texts(PilotTold(0.0), story) == ["Blind: the picture is frozen", "Sees again, was blind for 30 s"]


def test_another_reason_is_no_second_alarm() -> None:
    story = [(1.0, sees(1.0)), (10.0, blind(10.0)), (12.0, blind(10.0, "the camera has ended"))]
    assert len(texts(PilotTold(0.0), story)) == 1


def test_a_picture_that_comes_and_goes_is_one_blindness() -> None:
    story = [(1.0, sees(1.0))]
    for second in range(10, 40, 2):
        story += [(second, blind(second)), (second + 1, sees(second + 1))]
    story += [(40.0 + BACK_S, sees(39.0))]
    assert texts(PilotTold(0.0), story) == ["Blind: the picture is frozen", "Sees again, was blind for 29 s"]


def test_opening_its_eyes_is_no_news_but_never_opening_them_is() -> None:
    assert texts(PilotTold(0.0), [(5.0, blind(0.0)), (6.0, sees(6.0)), (9.5, sees(6.0))]) == []
    story = [(float(second), blind(0.0, "no frame has been looked at yet")) for second in range(60)]
    told = PilotTold(0.0)
    assert texts(told, story) == ["Blind: no frame has been looked at yet"]
    assert START_S < 60
