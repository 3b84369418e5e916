"""Who is in control: every state against every event."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.arbiter import Arbiter, NotInControl, RcSwitches
from tests.flight.arbiter_states import (
    NOW_S,
    accepted,
    accepted_long_ago,
    asked,
    asked_long_ago,
    calmed,
    failing,
    granted,
    hands_off,
    obeyed,
    read_only,
    restarted,
    silent_radio,
    sticks,
    switched,
    switched_and_silent,
    taking_off,
    unheard,
    unheard_radio,
    unlinked,
    unlinked_asked,
    unstable,
    vetoed,
    with_veto,
)


def ask(arbiter: Arbiter) -> None:
    try:
        arbiter.mode_requested("AUTO", NOW_S)
    except NotInControl:
        assert not arbiter.may_command


EVENTS: dict[str, Callable[[Arbiter], object]] = {
    "grant": lambda arbiter: arbiter.grant(NOW_S, "a test"),
    "LOITER": lambda arbiter: arbiter.heartbeat("LOITER", True, NOW_S),
    "AUTO": lambda arbiter: arbiter.heartbeat("AUTO", True, NOW_S),
    "RTL": lambda arbiter: arbiter.heartbeat("RTL", True, NOW_S),
    "disarmed": lambda arbiter: arbiter.heartbeat(arbiter._mode or "LOITER", False, NOW_S),
    "revoke": lambda arbiter: arbiter.revoke("the lease holder took it back"),
    "link lost": lambda arbiter: arbiter.link_lost(),
    "no heartbeat": lambda arbiter: arbiter.tick(NOW_S + 6),
    "after a gap": lambda arbiter: arbiter.heartbeat("LOITER", True, NOW_S + 7),
    "rebooted": lambda arbiter: arbiter.rebooted(),
    "we ask": ask,
    "accepted": lambda arbiter: arbiter.mode_accepted(NOW_S),
    "failsafe": lambda arbiter: arbiter.heartbeat(arbiter._mode or "LOITER", True, NOW_S, failsafe=True),
    "grave text": lambda arbiter: arbiter.warned("Crash: Disarming", NOW_S),
    "veto": lambda arbiter: arbiter.rc(sticks(veto=2000), NOW_S),
    "no veto": lambda arbiter: arbiter.rc(sticks(), NOW_S),
    "no channel": lambda arbiter: arbiter.rc(sticks()[:5], NOW_S),
    "switch on": lambda arbiter: arbiter.rc(sticks(veto=2000 if arbiter.veto else 1000, grant=2000), NOW_S),
    "radio silent": lambda arbiter: arbiter.tick(NOW_S + 2),
}

# Each cell: the control after the event. G granted, - hands off, R read only.
MATRIX: dict[Callable[[], Arbiter], str] = {
    #               grant         RTL      lost silent   reboot accepted text   no-veto   switch
    #                   LOITER        disarmed      gap       ask   failsafe veto   no-channel silent
    #                       AUTO          revoke
    unheard: "           -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    hands_off: "         G   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    unstable: "          -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    granted: "           G   G   -   -   -   -   G   G   G   -   G   G   -   G   G   G   G   G   G",
    asked: "             G   G   G   -   -   -   G   G   G   -   G   G   -   G   G   G   G   G   G",
    asked_long_ago: "    G   G   G   -   -   -   G   G   G   -   G   G   -   G   G   G   G   G   G",
    accepted: "          G   G   G   -   -   -   -   -   -   -   G   G   -   G   G   G   G   G   G",
    accepted_long_ago: " G   -   G   -   -   -   -   -   -   -   G   G   -   G   G   G   G   G   G",
    obeyed: "            G   -   G   -   -   -   G   G   -   -   G   G   -   G   G   G   G   G   G",
    taking_off: "        G   G   -   -   -   -   G   G   -   -   G   G   -   G   G   G   G   G   G",
    unlinked: "          G   G   -   -   -   -   G   G   G   -   G   G   -   G   G   G   G   G   G",
    unlinked_asked: "    G   G   -   -   -   -   G   G   G   -   G   G   -   G   G   G   G   G   G",
    failing: "           -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    calmed: "            -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    restarted: "         -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    with_veto: "         G   G   -   -   -   -   G   -   G   -   G   G   -   G   -   G   -   G   -",
    vetoed: "            -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    silent_radio: "      -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    unheard_radio: "     -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -   -",
    switched: "          G   G   -   -   -   -   G   G   G   -   G   G   -   G   -   -   G   G   G",
    switched_and_silent: "G  G   -   -   -   -   G   G   G   -   G   G   -   G   -   -   G   G   G",
    read_only: "         R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R",
}
WORDS = {"G": "granted", "-": "hands off", "R": "read only"}
CELLS = [
    pytest.param(state, event, WORDS[cell], id=f"{state.__name__}-{event}")
    for state, row in MATRIX.items()
    for event, cell in zip(EVENTS, row.split(), strict=True)
]
GIVES = ("grant", "switch on")


@pytest.mark.parametrize(("state", "event", "expected"), CELLS)
def test_matrix(state: Callable[[], Arbiter], event: str, expected: str) -> None:
    """Rules 8 to 10: every state, every event."""
    arbiter = state()
    EVENTS[event](arbiter)
    assert arbiter.control == expected
    assert arbiter.reason
    if expected != "granted":
        assert not arbiter.may_command
        with pytest.raises(NotInControl) as caught:
            arbiter.require()
        assert arbiter.reason in caught.value.message


@given(st.sampled_from(list(MATRIX)), st.lists(st.sampled_from(list(EVENTS)), max_size=12))
def test_whatever_happens_in_whatever_order_only_a_grant_gives_control(
    state: Callable[[], Arbiter], events: list[str]
) -> None:
    """Rule 10: what disables has priority after any history."""
    arbiter = state()
    for event in events:
        before = arbiter.control
        EVENTS[event](arbiter)
        if event not in GIVES:
            assert arbiter.control in (before, "hands off")
        if event in ("revoke", "rebooted", "failsafe"):
            assert arbiter.control != "granted"
        if arbiter.veto:
            assert not arbiter.may_command
        if state is read_only:
            assert arbiter.control == "read only"


def test_a_pilot_who_takes_over_keeps_the_vehicle_until_a_new_grant() -> None:
    arbiter = obeyed()
    arbiter.heartbeat("LOITER", True, NOW_S)
    assert arbiter.reason == "the mode changed from AUTO to LOITER, which the agent had not asked for"
    for second in range(1, 60):
        arbiter.heartbeat("AUTO" if second > 30 else "LOITER", True, NOW_S + second)  # even back in our mode
        assert arbiter.control == "hands off"
    assert arbiter.grant(NOW_S + 60, "a test")


def test_a_grant_waits_for_five_seconds_of_one_mode() -> None:
    arbiter = Arbiter()
    assert "no heartbeat" in arbiter.objection(NOW_S)
    arbiter.heartbeat("LOITER", False, NOW_S)
    assert not arbiter.grant(NOW_S + 4.9, "a test")
    assert "LOITER" in arbiter.objection(NOW_S + 4.9)
    arbiter.heartbeat("GUIDED", False, NOW_S + 4.95)
    assert not arbiter.grant(NOW_S + 9, "a test")
    assert arbiter.grant(NOW_S + 10, "a test")
    assert arbiter.objection(NOW_S + 10) == ""


def test_after_a_gap_in_the_link_the_mode_has_to_last_again() -> None:
    arbiter = hands_off()
    arbiter.link_lost()
    assert not arbiter.grant(NOW_S, "a test")
    arbiter.heartbeat("LOITER", True, NOW_S)
    assert not arbiter.grant(NOW_S + 1, "a test")
    assert arbiter.grant(NOW_S + 5, "a test")


def test_stale_heartbeats_after_our_own_request_are_no_takeover() -> None:
    arbiter = granted()
    arbiter.mode_requested("AUTO", NOW_S)
    for second, mode in enumerate(("LOITER", "LOITER", "LOITER", "AUTO", "AUTO")):
        arbiter.heartbeat(mode, True, NOW_S + second)
        assert arbiter.control == "granted"
    arbiter.heartbeat("LOITER", True, NOW_S + 5)  # the old mode again is somebody's doing
    assert arbiter.control == "hands off"


def test_a_refused_request_is_no_takeover_and_is_forgotten() -> None:
    arbiter = granted()
    arbiter.mode_requested("AUTO", NOW_S)
    for second in range(6):
        arbiter.heartbeat("LOITER", True, NOW_S + second)
    assert arbiter.control == "granted"
    arbiter.heartbeat("AUTO", True, NOW_S + 7)  # by then it is not our request any more
    assert arbiter.control == "hands off"


def test_silence_does_not_use_up_a_request_but_a_lost_link_does() -> None:
    arbiter = granted()  # its last heartbeat is 1 s old
    arbiter.mode_requested("AUTO", NOW_S)
    arbiter.heartbeat("AUTO", True, NOW_S + 3.9)  # the heartbeats between were lost
    assert arbiter.control == "granted"
    for seen_missing in (True, False):
        arbiter = granted()
        arbiter.mode_requested("AUTO", NOW_S)
        if seen_missing:
            arbiter.tick(NOW_S + 4.1)
        arbiter.heartbeat("AUTO", True, NOW_S + 4.2)  # by now it may be the pilot's doing
        assert arbiter.control == "hands off"


def test_a_pilot_who_changes_the_mode_back_between_two_heartbeats_is_noticed() -> None:
    """Rule 9: the autopilot took our mode, and no heartbeat ever showed it."""
    arbiter = granted()
    arbiter.mode_requested("AUTO", NOW_S)
    arbiter.mode_accepted(NOW_S + 0.1)
    for second in range(4):
        arbiter.heartbeat("LOITER", True, NOW_S + second)
        assert arbiter.control == "granted"
    arbiter.heartbeat("LOITER", True, NOW_S + 4)
    assert arbiter.control == "hands off"
    assert arbiter.reason == "the autopilot took the mode AUTO and is in LOITER: somebody changed it back"


def test_a_mode_change_while_the_link_was_lost_is_a_takeover() -> None:
    """Rule 9, across a gap."""
    arbiter = granted()
    arbiter.tick(NOW_S + 10)
    assert (arbiter.control, arbiter.may_command) == ("granted", False)
    arbiter.heartbeat("POSHOLD", True, NOW_S + 20)
    assert arbiter.reason == "the mode changed from LOITER to POSHOLD, which the agent had not asked for"


def test_a_failsafe_that_flaps_gives_no_gap_to_grant_in() -> None:
    """Rule 10: between two of its heartbeats nobody gets control."""
    arbiter = granted()
    for half_second in range(60):
        now_s = NOW_S + half_second / 2
        arbiter.heartbeat("LOITER", True, now_s, failsafe=half_second % 2 == 0)
        assert not arbiter.grant(now_s, "a hasty test")
    assert "in a failsafe" in arbiter.objection(NOW_S + 30)
    for second in range(30, 36):
        arbiter.heartbeat("LOITER", True, NOW_S + second)
    assert arbiter.grant(NOW_S + 35, "a test")


def test_a_listener_that_fails_keeps_control_and_the_other_listeners_right(
    caplog: pytest.LogCaptureFixture,
) -> None:
    arbiter = granted()
    told: list[str] = []

    def broken() -> None:
        raise ValueError("a bug in who draws the page")

    arbiter.on_change += [broken, lambda: told.append(arbiter.control)]
    arbiter.heartbeat("BRAKE", True, NOW_S)
    assert (arbiter.control, told) == ("hands off", ["hands off"])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_grant_switch_that_comes_back_off_after_silence_takes_back_what_it_gave() -> None:
    arbiter = switched_and_silent()
    assert arbiter.control == "granted"
    arbiter.rc(sticks(grant=1000), NOW_S + 4)
    assert arbiter.reason == "the pilot's grant switch was turned off"


def test_while_the_link_is_lost_a_grant_moves_nothing() -> None:
    arbiter = unlinked()
    assert "the link is lost" in arbiter.reason
    assert not arbiter.may_command
    with pytest.raises(NotInControl):
        arbiter.mode_requested("AUTO", NOW_S)
    arbiter.heartbeat("LOITER", True, NOW_S)
    assert arbiter.may_command


def test_a_request_is_forgotten_with_the_grant() -> None:
    arbiter = asked()
    arbiter.revoke("veto")
    arbiter.heartbeat("LOITER", True, NOW_S)
    assert arbiter.grant(NOW_S + 10, "a test")
    arbiter.heartbeat("AUTO", True, NOW_S + 11)
    assert arbiter.control == "hands off"


def test_read_only_means_exactly_that() -> None:
    arbiter = read_only()
    assert arbiter.reason == "read_only is set in the configuration"
    assert not arbiter.grant(NOW_S, "a test")
    with pytest.raises(NotInControl, match="read_only"):
        arbiter.mode_requested("AUTO", NOW_S)


def test_it_says_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        arbiter = granted()
        for second in range(5):
            arbiter.grant(NOW_S + second, "a test")
            arbiter.heartbeat("LOITER", True, NOW_S + second)
        for second in range(5, 10):
            arbiter.heartbeat("BRAKE", True, NOW_S + second)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["granted", "hands off"]


def test_the_pilots_switch_gives_a_grant_when_it_is_turned_and_not_when_it_is_found_on() -> None:
    arbiter = Arbiter(rc=RcSwitches(grant_channel=7))
    arbiter.heartbeat("LOITER", True, NOW_S - 60)
    arbiter.rc(sticks(grant=2000), NOW_S)
    assert arbiter.control == "hands off"
    arbiter.rc(sticks(grant=1000), NOW_S + 1)
    arbiter.rc(sticks(grant=2000), NOW_S + 2)
    assert (arbiter.control, arbiter.granted_by) == ("granted", "the pilot's switch")
    arbiter.rc(sticks(grant=1000), NOW_S + 3)
    assert arbiter.reason == "the pilot's grant switch was turned off"


def test_a_switch_that_comes_back_on_after_silence_gives_nothing() -> None:
    arbiter = Arbiter(rc=RcSwitches(grant_channel=7))
    arbiter.heartbeat("LOITER", True, NOW_S - 60)
    arbiter.rc(sticks(grant=1000), NOW_S)
    arbiter.tick(NOW_S + 3)
    arbiter.rc(sticks(grant=2000), NOW_S + 4)
    assert arbiter.control == "hands off"


@pytest.mark.parametrize(
    "channels",
    [(), (1500,) * 5, (1500, 1500, 1000, 1500, 1000, 0), (1500, 1500, 1000, 1500, 1000, 0xFFFF)],
)
def test_a_radio_without_the_veto_channel_is_a_veto(channels: tuple[int, ...]) -> None:
    arbiter = with_veto()
    arbiter.rc(channels, NOW_S)
    assert arbiter.control == "hands off"
    assert "channel 6" in arbiter.veto
    assert not arbiter.grant(NOW_S + 60, "a test")


def test_a_veto_switch_that_was_never_heard_is_a_veto() -> None:
    arbiter = Arbiter(rc=RcSwitches(veto_channel=6))
    arbiter.heartbeat("LOITER", True, NOW_S - 60)
    assert not arbiter.grant(NOW_S, "a test")
    assert "not been heard" in arbiter.objection(NOW_S)


def test_the_end_of_a_veto_gives_nothing_back_by_itself() -> None:
    arbiter = vetoed()
    arbiter.rc(sticks(), NOW_S)
    assert (arbiter.veto, arbiter.control) == ("", "hands off")
    assert arbiter.grant(NOW_S + 1, "a test")


def test_a_mode_of_ours_that_a_newer_order_has_overtaken_may_still_show_first() -> None:
    arbiter = granted()  # a look again has just asked for GUIDED when the stand down comes
    arbiter.mode_requested("GUIDED", NOW_S)
    arbiter.mode_requested("RTL", NOW_S + 0.2)
    arbiter.heartbeat("GUIDED", True, NOW_S + 0.5)
    assert arbiter.may_command, "the stand down may be sent again"
    arbiter.heartbeat("RTL", True, NOW_S + 1.0)
    assert arbiter.may_command
    arbiter.heartbeat("GUIDED", True, NOW_S + 2.0)
    assert not arbiter.may_command, "but once: now it is somebody else"


def test_a_mode_overtaken_long_ago_is_somebody_elses() -> None:
    arbiter = granted()
    arbiter.mode_requested("GUIDED", NOW_S)
    arbiter.mode_requested("RTL", NOW_S + 0.2)
    arbiter.heartbeat("GUIDED", True, NOW_S + 4.0)
    assert not arbiter.may_command


def test_what_the_autopilot_says_of_a_failsafe_just_after_its_heartbeat_is_told_as_well() -> None:
    arbiter = granted()
    arbiter.heartbeat("RTL", True, NOW_S, failsafe=True)
    assert arbiter.reason == "the autopilot is in a failsafe"
    arbiter.warned("Battery 1 is low 13.9V used 3000 mAh", NOW_S + 0.1)  # ArduPilot's texts go out last
    assert arbiter.reason == 'the autopilot is in a failsafe ("Battery 1 is low 13.9V used 3000 mAh")'


def test_a_failsafe_is_told_with_what_the_autopilot_said_of_it_and_stands_against_a_grant() -> None:
    arbiter = obeyed()
    arbiter.warned("Battery 1 is low 13.9V used 3000 mAh", NOW_S - 0.5)
    arbiter.heartbeat("AUTO", True, NOW_S, failsafe=True)
    assert arbiter.reason == 'the autopilot is in a failsafe ("Battery 1 is low 13.9V used 3000 mAh")'
    arbiter.heartbeat("RTL", True, NOW_S + 1, failsafe=True)
    assert not arbiter.grant(NOW_S + 30, "a test")
    assert arbiter.objection(NOW_S + 30) == "the autopilot is in a failsafe"
    arbiter.heartbeat("RTL", True, NOW_S + 31)
    for second in range(31, 37):
        arbiter.heartbeat("RTL", True, NOW_S + second)
    assert arbiter.objection(NOW_S + 5) == "the autopilot was in a failsafe 4 s ago; 5 s must pass without"
    assert arbiter.grant(NOW_S + 36, "a test")


def test_who_gave_a_grant_is_known_and_forgotten_with_it() -> None:
    arbiter = granted()
    assert arbiter.granted_by == "a test"
    arbiter.revoke("enough")
    assert arbiter.granted_by == ""


def test_each_change_of_control_is_told() -> None:
    arbiter = granted()
    told: list[str] = []
    arbiter.on_change.append(lambda: told.append(arbiter.control))
    arbiter.heartbeat("BRAKE", True, NOW_S)
    arbiter.grant(NOW_S + 10, "a test")
    assert told == ["hands off", "granted"]
