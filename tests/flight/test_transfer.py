"""The mission protocol in simulated time, against ArduPilot's side of it, on a link that loses messages."""

from __future__ import annotations

import random

import pytest

from flight.link import Message, mavlink
from flight.missions import _item, _message, _take
from flight.plans.items import MissionItem, home_item, return_to_launch, takeoff, waypoint
from flight.transfer import (
    Download,
    Outcome,
    SendCount,
    SendItem,
    SendItemRequest,
    SendListRequest,
    TransferPatience,
    Upload,
)
from tests.flight.scripted import LossyLine, MissionServer, stamped

PATIENCE = TransferPatience()
MISSION = mavlink.MAV_MISSION_TYPE_MISSION
ACCEPTED, ERROR, DENIED = 0, 1, mavlink.MAV_MISSION_DENIED
INVALID_SEQUENCE, CANCELLED = mavlink.MAV_MISSION_INVALID_SEQUENCE, mavlink.MAV_MISSION_OPERATION_CANCELLED


def patrol(points: int = 18) -> list[MissionItem]:
    items = [home_item(-35.363262, 149.165237, 585.0), takeoff(40.0)]
    items += [waypoint(-35.363262 + 1e-4 * n, 149.165237 - 2e-4 * n, 60.0 + n / 7) for n in range(points)]
    items.append(return_to_launch())
    numbered = (
        MissionItem(n, i.command, i.frame, i.params, i.lat_e7, i.lon_e7, i.alt_m) for n, i in enumerate(items)
    )
    return list(numbered)


class Air:
    """Both directions between a transfer and ArduPilot's side, in steps of 50 ms."""

    def __init__(self, loss: float, seed: int, server: MissionServer | None = None) -> None:
        self.server = server or MissionServer()
        self.now_s = 0.0
        self._up, self._down = LossyLine(loss, seed), LossyLine(loss, seed + 1000)
        self._chance = random.Random(seed + 2000)
        self._flying: list[tuple[float, bool, Message]] = []

    def _launch(self, messages: list[Message], upwards: bool) -> None:
        line = self._up if upwards else self._down
        for message in messages:
            # The line carries bytes; here the message itself is carried as often as the line says.
            for _ in line.carry(b""):
                lands_s = self.now_s + self._chance.uniform(0.01, 0.12)
                self._flying.append((lands_s, upwards, stamped(message)))

    def run(self, transfer: Upload | Download, limit_s: float = 600.0) -> Outcome:
        """One attempt, to its end."""
        self._launch([_message(out, 1, MISSION) for out in transfer.start(self.now_s)], upwards=True)
        end_s = self.now_s + limit_s
        while transfer.outcome is None:
            assert self.now_s < end_s, "the attempt never ends"
            self.now_s += 0.05
            self._launch(self.server.tick(self.now_s), upwards=False)
            landed = [flight for flight in self._flying if flight[0] <= self.now_s]
            self._flying = [flight for flight in self._flying if flight[0] > self.now_s]
            for _, upwards, message in landed:
                if upwards:
                    self._launch(self.server.take(message, self.now_s), upwards=False)
                else:
                    replies = _take(transfer, message, self.now_s)
                    self._launch([_message(out, 1, MISSION) for out in replies], upwards=True)
            self._launch([_message(out, 1, MISSION) for out in transfer.tick(self.now_s)], upwards=True)
        return transfer.outcome


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3])
def test_a_patrol_gets_aboard_and_back_at_any_loss(loss: float, seed: int) -> None:
    """Rule 21."""
    items, air = patrol(), Air(loss, seed)
    for _ in range(5):
        outcome = air.run(Upload(items, PATIENCE))
        assert outcome is not Outcome.REFUSED
        assert outcome is Outcome.DONE or loss == 0.3
        if outcome in (Outcome.DONE, Outcome.UNSETTLED) and len(air.server.items) == len(items):
            break
        air.now_s += 1.0
    else:
        pytest.fail("five attempts failed")
    for _ in range(5):
        download = Download(PATIENCE)
        if air.run(download) is Outcome.DONE:
            break
    assert all(mine.same_as(theirs) for mine, theirs in zip(items, download.items, strict=True))


def test_on_a_good_link_nothing_is_sent_twice() -> None:
    items, air = patrol(), Air(0.0, 1)
    assert air.run(Upload(items, PATIENCE)) is Outcome.DONE
    assert air.server.counts_heard == 1
    assert air.now_s < 10


def test_the_count_is_repeated_until_the_first_question_and_never_after() -> None:
    """Rule 21."""
    upload = Upload(patrol(2), PATIENCE)
    assert upload.start(0.0) == [SendCount(5)]
    assert upload.tick(0.5) == []
    assert upload.tick(0.8) == [SendCount(5)]
    assert upload.tick(1.6) == [SendCount(5)]
    upload.asked(0, 1.7)
    assert [upload.tick(1.7 + step / 10) for step in range(79)] == [[]] * 79


def test_items_go_only_as_answers_and_the_same_question_gets_the_same_answer() -> None:
    """Rule 21."""
    items = patrol(2)
    upload = Upload(items, PATIENCE)
    upload.start(0.0)
    assert upload.asked(0, 0.1) == [SendItem(items[0])]
    assert upload.asked(0, 0.2) == [SendItem(items[0])]
    assert upload.asked(3, 0.3) == [SendItem(items[3])]
    assert upload.asked(5, 0.4) == []  # there is no such item
    assert upload.asked(-1, 0.4) == []


def test_the_old_question_is_answered_with_an_integer_item() -> None:
    """Rule 21."""
    items = patrol(2)
    upload = Upload(items, PATIENCE)
    upload.start(0.0)
    question = stamped(mavlink.MAVLink_mission_request_message(1, 191, 3))
    [answer] = _take(upload, question, 0.1)
    message = _message(answer, 1, MISSION)
    assert message.get_type() == "MISSION_ITEM_INT"
    assert _item(stamped(message)).same_as(items[3])


def given(items: list[MissionItem], count: int) -> Upload:
    upload = Upload(items, PATIENCE)
    upload.start(0.0)
    for seq in range(count):
        upload.asked(seq, 0.1 * (seq + 1))
    return upload


@pytest.mark.parametrize(
    ("items_given", "result", "outcome"),
    [
        (0, ACCEPTED, None),  # of an earlier transfer
        (4, ACCEPTED, None),
        (5, ACCEPTED, Outcome.DONE),
        (3, INVALID_SEQUENCE, None),  # it asks on
        (5, INVALID_SEQUENCE, None),
        (0, CANCELLED, None),  # the end of an earlier transfer
        (3, CANCELLED, Outcome.AGAIN),
        (0, DENIED, Outcome.AGAIN),  # another station is uploading
        (2, ERROR, Outcome.AGAIN),
        (5, ERROR, Outcome.UNSETTLED),  # the last item arrived twice
        (3, mavlink.MAV_MISSION_UNSUPPORTED, Outcome.REFUSED),
        (3, mavlink.MAV_MISSION_INVALID_PARAM7, Outcome.REFUSED),
        (0, mavlink.MAV_MISSION_NO_SPACE, Outcome.REFUSED),
    ],
)
def test_what_an_acknowledgement_means(items_given: int, result: int, outcome: Outcome | None) -> None:
    """Rule 21."""
    upload = given(patrol(2), items_given)
    upload.acknowledged(result)
    assert upload.outcome is outcome


def test_silence_ends_an_attempt() -> None:
    upload = Upload(patrol(2), PATIENCE)
    upload.start(0.0)
    sent = sum(len(upload.tick(step / 10)) for step in range(300))
    assert upload.outcome is Outcome.AGAIN  # nobody ever asked
    assert sent + 1 == PATIENCE.tries

    for items_given, times_s, outcome in (
        (3, (8.0, 8.4), Outcome.AGAIN),  # it stopped asking
        (5, (3.4, 3.6), Outcome.UNSETTLED),  # it has all and does not say so
    ):
        upload = given(patrol(2), items_given)
        outcomes = []
        for now_s in times_s:
            upload.tick(now_s)
            outcomes.append(upload.outcome)
        assert outcomes == [None, outcome]


def test_a_download_asks_for_one_item_at_a_time_and_takes_only_that() -> None:
    items, download = patrol(1), Download(PATIENCE)
    assert download.start(0.0) == [SendListRequest()]
    assert download.received(items[0], 0.1) == []  # of an earlier transfer
    assert download.tick(0.9) == [SendListRequest()]
    assert download.counted(4, 1.0) == [SendItemRequest(0)]
    assert download.counted(4, 1.1) == []
    assert download.received(items[0], 1.2) == [SendItemRequest(1)]
    assert download.received(items[0], 1.3) == []
    assert download.received(items[2], 1.4) == []
    assert download.tick(2.0) == [SendItemRequest(1)]
    assert download.items == [items[0]]


def test_an_empty_autopilot_has_an_empty_mission() -> None:
    download = Download(PATIENCE)
    assert Air(0.0, 3).run(download) is Outcome.DONE
    assert download.items == []


def test_a_mission_that_changes_while_it_is_read_is_read_again() -> None:
    download = Download(PATIENCE)
    download.start(0.0)
    download.counted(4, 0.1)
    download.counted(7, 0.2)
    assert download.outcome is Outcome.AGAIN


def test_a_refused_download_ends_and_a_silent_one_too() -> None:
    download = Download(PATIENCE)
    download.start(0.0)
    download.acknowledged(DENIED)
    assert download.outcome is Outcome.AGAIN
    download = Download(PATIENCE)
    download.start(0.0)
    for step in range(300):
        download.tick(step / 10)
    assert download.outcome is Outcome.AGAIN
