"""States that an arbiter can be in at ``NOW_S``, one function each."""

from __future__ import annotations

from flight.arbiter import Arbiter, RcSwitches

NOW_S = 100.0


def beats(arbiter: Arbiter, mode: str, since_s: float, until_s: float, *, failsafe: bool = False) -> None:
    """The autopilot's heartbeat twice a second, from and to these times before now."""
    for half_seconds in range(round(2 * since_s), round(2 * until_s) - 1, -1):
        arbiter.heartbeat(mode, True, NOW_S - half_seconds / 2, failsafe=failsafe)


def unheard() -> Arbiter:
    return Arbiter()


def hands_off() -> Arbiter:
    arbiter = Arbiter()
    beats(arbiter, "LOITER", 60, 1)
    return arbiter


def unstable() -> Arbiter:
    arbiter = hands_off()
    beats(arbiter, "GUIDED", 3, 1)
    return arbiter


def granted() -> Arbiter:
    arbiter = hands_off()
    assert arbiter.grant(NOW_S - 1, "a test")
    return arbiter


def asked() -> Arbiter:
    arbiter = granted()
    arbiter.mode_requested("AUTO", NOW_S - 1)
    return arbiter


def asked_long_ago() -> Arbiter:
    arbiter = granted()
    arbiter.mode_requested("AUTO", NOW_S - 4)
    return arbiter


def accepted() -> Arbiter:
    arbiter = asked()
    arbiter.mode_accepted(NOW_S - 0.9)
    return arbiter


def accepted_long_ago() -> Arbiter:
    arbiter = asked_long_ago()
    arbiter.mode_accepted(NOW_S - 3.5)
    return arbiter


def obeyed() -> Arbiter:
    arbiter = accepted()
    arbiter.heartbeat("AUTO", True, NOW_S - 0.5)
    return arbiter


def taking_off() -> Arbiter:
    """As PX4 does it: in a mode of its own, from which it goes on to another by itself."""
    arbiter = granted()
    arbiter.mode_requested("TAKEOFF", NOW_S - 1, then="LOITER")
    arbiter.heartbeat("TAKEOFF", True, NOW_S - 0.5)
    return arbiter


def unlinked() -> Arbiter:
    arbiter = granted()
    arbiter.link_lost()
    return arbiter


def unlinked_asked() -> Arbiter:
    arbiter = asked()
    arbiter.link_lost()
    return arbiter


def failing() -> Arbiter:
    arbiter = granted()
    beats(arbiter, "RTL", 30, 1, failsafe=True)
    return arbiter


def calmed() -> Arbiter:
    arbiter = granted()
    beats(arbiter, "RTL", 30, 3, failsafe=True)
    beats(arbiter, "RTL", 2.5, 1)
    return arbiter


def restarted() -> Arbiter:
    arbiter = granted()
    arbiter.rebooted()
    return arbiter


def with_veto() -> Arbiter:
    """Granted, with a veto switch (channel 6, off) and a grant switch (channel 7, off)."""
    arbiter = Arbiter(rc=RcSwitches(veto_channel=6, grant_channel=7))
    beats(arbiter, "LOITER", 60, 1)
    arbiter.rc(sticks(), NOW_S - 2)
    assert arbiter.grant(NOW_S - 1, "a test")
    arbiter.rc(sticks(), NOW_S - 1)
    return arbiter


def vetoed() -> Arbiter:
    arbiter = with_veto()
    arbiter.rc(sticks(veto=2000), NOW_S - 0.5)
    return arbiter


def silent_radio() -> Arbiter:
    arbiter = with_veto()
    arbiter.tick(NOW_S + 1.5)
    return arbiter


def unheard_radio() -> Arbiter:
    arbiter = Arbiter(rc=RcSwitches(veto_channel=6))
    beats(arbiter, "LOITER", 60, 1)
    return arbiter


def switched() -> Arbiter:
    """Granted by the pilot's switch; there is no veto."""
    arbiter = Arbiter(rc=RcSwitches(grant_channel=7))
    beats(arbiter, "LOITER", 60, 1)
    arbiter.rc(sticks(), NOW_S - 2)
    arbiter.rc(sticks(grant=2000), NOW_S - 1)
    assert arbiter.control == "granted"
    return arbiter


def switched_and_silent() -> Arbiter:
    arbiter = switched()
    arbiter.tick(NOW_S + 1.5)
    return arbiter


def read_only() -> Arbiter:
    arbiter = Arbiter(read_only=True, rc=RcSwitches(veto_channel=6, grant_channel=7))
    beats(arbiter, "LOITER", 60, 1)
    arbiter.rc(sticks(), NOW_S - 1)
    return arbiter


def sticks(*, veto: int = 1000, grant: int = 1000) -> tuple[int, ...]:
    return (1500, 1500, 1000, 1500, 1000, veto, grant, 1500)
