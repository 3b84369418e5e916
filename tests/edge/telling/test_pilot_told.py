"""What the pilot hears of the agent's sight."""

from __future__ import annotations

from edge.health.degraded import Reason
from edge.health.seeing import Seeing
from edge.telling.pilot_told import AGAIN_S, BACK_S, START_S, VALUES_EVERY_S, PilotTold
from uplink.messages import AgentHealth, DegradedKind, SeeingState

HOT = Reason(DegradedKind.HOT, 91.0, 5.0)
DISK = Reason(DegradedKind.DISK, 80.0, 5.0)


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


def degraded(*reasons: Reason) -> Seeing:
    return Seeing(SeeingState.DEGRADED if reasons else SeeingState.SEEING, "", 1.0, reasons)


def test_each_reason_is_told_once_however_long_it_lasts_and_however_its_figure_moves() -> None:
    story = [(10 + tenths / 10, degraded(HOT)) for tenths in range(50)]
    story += [(20 + tenths, degraded(Reason(HOT.kind, 92.0 + tenths, 5.0), DISK)) for tenths in range(900)]
    assert texts(PilotTold(0.0), story) == [f"Degraded: {HOT.words}", f"Degraded: {DISK.words}"]


def test_a_reason_that_comes_and_goes_is_told_again_only_after_minutes() -> None:
    told = PilotTold(0.0)
    story = [(10.0 + second, degraded(*([HOT] if second % 20 < 10 else []))) for second in range(200)]
    assert len(texts(told, story)) == 1
    assert len(texts(told, [(210.0 + AGAIN_S, degraded()), (220.0 + AGAIN_S, degraded(HOT))])) == 1


def test_what_degrades_a_blind_agent_is_told_when_it_sees_again_and_in_the_same_line() -> None:
    story = [(1.0, sees(1.0)), (10.0, Seeing(SeeingState.BLIND, "the picture is frozen", 10.0, (HOT,)))]
    again = Seeing(SeeingState.DEGRADED, "", 20.0, (HOT,))
    story += [(20.0 + second, again) for second in range(30)]
    assert texts(PilotTold(0.0), story) == ["Blind: the picture is frozen", f"Sees again; {HOT.words}"]


def test_figures_are_told_every_few_seconds_under_names_that_fit() -> None:
    told = PilotTold(0.0)
    health = AgentHealth(look_age_s=0.4, temperature_c=91.0)
    values = dict(told.values(degraded(HOT), health, 4.5, 2, 1.0))
    assert values == {"ew_sees": 1, "ew_queue": 2, "ew_fps": 4.5, "ew_look_s": 0.4, "ew_cpu_C": 91.0}
    assert all(len(name) <= 10 for name in values)
    assert told.values(degraded(HOT), health, 4.5, 2, 1.0 + VALUES_EVERY_S / 2) == []
    blind_values = dict(told.values(blind(0.0), AgentHealth(), 0.0, 0, 1.0 + VALUES_EVERY_S))
    assert blind_values == {"ew_sees": 0, "ew_queue": 0, "ew_fps": 0.0}
