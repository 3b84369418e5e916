"""The control lease as a table: who has it, who may do what with it, and when it ends."""

from __future__ import annotations

import pytest

from uplink.station.lease import ASK_S, LEASE_S, ControlLease
from uplink.station.people import Person, Role

ANN = Person("Ann", Role.PILOT, "session-of-ann")
BOB = Person("Bob", Role.PILOT, "session-of-bob")
EVE = Person("Eve", Role.PILOT, "session-of-eve")
ANN_ELSEWHERE = Person("Ann", Role.PILOT, "another-page-of-ann")

# state: what has happened at t = 0; then one event at t = 10 s. Who holds it afterwards, and was it allowed?
STATES = {"free": (), "held": ("take",), "asked for": ("take", "bob takes")}
EVENTS = {
    ("free", "ann takes"): (True, ANN),
    ("free", "bob takes"): (True, BOB),
    ("free", "ann renews"): (False, None),
    ("free", "ann hands over"): (False, None),
    ("free", "bob hands over"): (False, None),
    ("free", "ann releases"): (False, None),
    ("free", "bob releases"): (False, None),
    ("free", "bob renews"): (False, None),
    ("held", "ann takes"): (True, ANN),
    ("held", "bob takes"): (False, ANN),
    ("held", "ann renews"): (True, ANN),
    ("held", "bob renews"): (False, ANN),
    ("held", "ann hands over"): (False, ANN),
    ("held", "bob hands over"): (False, ANN),
    ("held", "ann releases"): (True, None),
    ("held", "bob releases"): (False, ANN),
    ("asked for", "ann takes"): (True, ANN),
    ("asked for", "bob takes"): (False, ANN),
    ("asked for", "ann renews"): (True, ANN),
    ("asked for", "bob renews"): (False, ANN),
    ("asked for", "ann hands over"): (True, BOB),
    ("asked for", "bob hands over"): (False, ANN),
    ("asked for", "ann releases"): (True, None),
    ("asked for", "bob releases"): (False, ANN),
}
ACTS = {
    "takes": ControlLease.take,
    "renews": ControlLease.renew,
    "hands over": ControlLease.hand_over,
    "releases": ControlLease.release,
}


def lease_in(state: str) -> ControlLease:
    lease = ControlLease()
    for step in STATES[state]:
        lease.take(ANN if step == "take" else BOB, 0.0)
    return lease


def test_the_table_has_every_event_in_every_state() -> None:
    people = ("ann", "bob")
    assert set(EVENTS) == {(state, f"{who} {act}") for state in STATES for who in people for act in ACTS}


@pytest.mark.parametrize(("state", "event"), EVENTS)
def test_every_event_in_every_state(state: str, event: str) -> None:
    lease = lease_in(state)
    who, _, act = event.partition(" ")
    allowed, holder = EVENTS[state, event]
    assert ACTS[act](lease, ANN if who == "ann" else BOB, 10.0) is allowed
    assert lease.holder(10.0) == holder


@pytest.mark.parametrize("state", ["held", "asked for"])
def test_it_runs_out_and_the_next_one_takes_it(state: str) -> None:
    lease = lease_in(state)
    assert lease.holder(LEASE_S - 0.01) == ANN
    assert lease.holder(LEASE_S) is None
    assert lease.asking(LEASE_S) is None
    assert not lease.renew(ANN, LEASE_S), "a page that slept does not wake up in control"
    assert lease.take(BOB, LEASE_S)
    assert not lease.renew(ANN, LEASE_S + 1)


def test_renewing_keeps_it() -> None:
    lease = lease_in("held")
    for now_s in range(20, 400, 20):
        assert lease.renew(ANN, now_s)
    assert lease.remaining_s(380.0) == LEASE_S


def test_a_wish_to_take_over_is_forgotten_and_only_one_stands() -> None:
    lease = lease_in("asked for")
    assert not lease.take(EVE, 1.0)
    assert lease.asking(1.0) == BOB, "the first who asks is asked about"
    assert lease.renew(ANN, ASK_S)
    assert lease.asking(ASK_S) is None
    assert not lease.hand_over(ANN, ASK_S), "nobody is given control who may be gone"


def test_after_a_hand_over_the_former_holder_is_out() -> None:
    lease = lease_in("asked for")
    assert lease.hand_over(ANN, 1.0)
    assert lease.asking(1.0) is None
    assert not lease.renew(ANN, 2.0)
    assert not lease.take(ANN, 2.0)
    assert lease.asking(2.0) == ANN


def test_two_pages_of_one_name_are_two() -> None:
    lease = lease_in("held")
    assert not lease.take(ANN_ELSEWHERE, 1.0)
    assert lease.holder(1.0) == ANN
