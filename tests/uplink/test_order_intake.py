"""The drone's intake: orders of its own station only, each once, none late; keys and numbers on the disk."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from uplink.errors import StationError, UplinkError
from uplink.messages import Order, OrderKind, SignedOrder
from uplink.order_sequence import OrderSequence
from uplink.order_signing import KEY_FILE, StationKey, StationPublicKey
from uplink.orders import (
    FORGED,
    LATE,
    NO_KEY,
    NOT_KEPT,
    OTHER_RUN,
    REFUSALS_KEPT,
    REPLAYED,
    TAKE_AWAY,
    OrderIntake,
)
from uplink.station.orders import EXPIRES_S

from .makers import DRONE, OTHER_DRONE
from .test_orders import make_order

RUN, NEXT_RUN = uuid4(), uuid4()
NOW_S = 5000.0  # by the drone's clock


@pytest.fixture
def key(tmp_path: Path) -> StationKey:
    return StationKey.open(tmp_path / "station")


class Intake:
    """A drone's, with a clock that the test sets and a file that it may break."""

    def __init__(self, folder: Path, key: StationKey | None, *, run: UUID = RUN) -> None:
        self.now_s = NOW_S
        self.taken: list[Order] = []
        self.sequence = OrderSequence(folder / "drone" / "order.sequence")
        self.intake = OrderIntake(
            DRONE,
            run,
            self.taken.append,
            key=None if key is None else StationPublicKey.parse(key.public),
            sequence=self.sequence,
            clock=lambda: self.now_s,
        )

    async def take(self, *orders: SignedOrder) -> None:
        for order in orders:
            await self.intake.take(order)

    @property
    def kinds(self) -> list[OrderKind]:
        return [order.kind for order in self.taken]

    @property
    def reasons(self) -> list[str]:
        return [result.reason for result in self.intake.refusals]


def sound(kind: OrderKind = OrderKind.START, sequence: int | None = 10, **change: Any) -> Order:
    """An order that this drone takes, but for what is changed."""
    said = {"run": RUN, "sequence": sequence, "expires_s": NOW_S + EXPIRES_S, **change}
    return make_order(kind, **said)


async def test_an_order_of_the_station_is_given_on_once_whatever_number_it_comes_under_again(
    tmp_path: Path, key: StationKey
) -> None:
    drone, order = Intake(tmp_path, key), sound()
    again = order.model_copy(update={"sequence": 11})
    await drone.take(key.sign(order), key.sign(order), key.sign(again))
    assert drone.taken == [order]
    assert drone.reasons == [], "what was taken is never answered as refused"
    assert drone.sequence.last == 10


def changed(signed: SignedOrder, old: str, new: str) -> SignedOrder:
    assert old in signed.order
    return signed.model_copy(update={"order": signed.order.replace(old, new)})


# What is done to a sound order, and why it is refused then; nothing where it is not even answered.
FORGERIES = {
    "another kind": (lambda key: changed(key.sign(sound()), '"start"', '"resume"'), FORGED),
    "another end": (lambda key: changed(key.sign(sound()), "5015.0", "9015.0"), FORGED),
    "another number": (lambda key: changed(key.sign(sound()), '"sequence":10', '"sequence":99'), FORGED),
    "another person": (lambda key: changed(key.sign(sound()), '"Ann"', '"Bob"'), FORGED),
    "another run": (
        lambda key: changed(key.sign(sound(run=NEXT_RUN)), str(NEXT_RUN), str(RUN)),
        FORGED,
    ),
    "another drone's, renamed": (
        lambda key: changed(key.sign(sound(drone_id=OTHER_DRONE)), OTHER_DRONE, DRONE),
        FORGED,
    ),
    "another station's key": (lambda key: StationKey.open(Path(key.other)).sign(sound()), FORGED),
    "no signature": (lambda key: key.sign(sound()).model_copy(update={"signature": ""}), FORGED),
    "no base64": (lambda key: key.sign(sound()).model_copy(update={"signature": "*" * 88}), FORGED),
    "another order's signature": (
        lambda key: key.sign(sound()).model_copy(update={"signature": key.sign(sound()).signature}),
        FORGED,
    ),
    "a signature of the bare text": (
        lambda key: key.sign(sound()).model_copy(
            update={"signature": base64.b64encode(key.key._private.sign(b"{}")).decode()}
        ),
        FORGED,
    ),
    "for an earlier run": (lambda key: key.sign(sound(run=NEXT_RUN)), OTHER_RUN),
    "for no run": (lambda key: key.sign(sound(run=None)), OTHER_RUN),
    "a number that was used": (lambda key: key.sign(sound(sequence=9)), REPLAYED),
    "no number": (lambda key: key.sign(sound(sequence=None)), REPLAYED),
    "void by the drone's clock": (lambda key: key.sign(sound(expires_s=NOW_S)), LATE),
    "without an end": (lambda key: key.sign(sound(expires_s=None)), LATE),
    "another drone's": (lambda key: key.sign(sound(drone_id=OTHER_DRONE)), ""),
    "no order": (lambda key: SignedOrder(order="{}", signature=""), ""),
    "a kind that is none": (lambda key: changed(key.sign(sound()), '"start"', '"dance"'), ""),
    "a word too many": (lambda key: changed(key.sign(sound()), "{", '{"more":1,'), ""),
}


class Keys:
    """The drone's own station, and where another's key may be made."""

    def __init__(self, key: StationKey, other: Path) -> None:
        self.key, self.other = key, other
        self.sign = key.sign


@pytest.mark.parametrize("name", FORGERIES)
async def test_what_is_not_the_stations_for_this_drone_and_now_changes_nothing(
    tmp_path: Path, key: StationKey, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    make, reason = FORGERIES[name]
    drone = Intake(tmp_path, key)
    drone.sequence.keep(9)
    signed = make(Keys(key, tmp_path / "elsewhere"))  # type: ignore[no-untyped-call]
    await drone.take(signed)
    assert drone.taken == []
    assert drone.reasons == ([reason] if reason else [])
    assert len(caplog.records) == 1, "and it is logged"
    assert OrderSequence(tmp_path / "drone" / "order.sequence").last == 9
    await drone.take(key.sign(sound()))
    assert drone.kinds == [OrderKind.START], "the next sound one is taken all the same"


async def test_a_drone_without_its_stations_key_refuses_every_order_and_says_so(
    tmp_path: Path, key: StationKey
) -> None:
    drone = Intake(tmp_path, None)
    assert drone.intake.objection == NO_KEY
    await drone.take(key.sign(sound()), key.sign(sound(OrderKind.STAND_DOWN, run=None)))
    assert (drone.taken, drone.reasons) == ([], [NO_KEY, NO_KEY])
    assert Intake(tmp_path, key).intake.objection == ""


async def test_of_a_stand_down_any_run_will_do_but_it_is_not_taken_twice_under_one_number(
    tmp_path: Path, key: StationKey
) -> None:
    signed = key.sign(sound(OrderKind.STAND_DOWN, run=None))
    for run, expected in ((RUN, [OrderKind.STAND_DOWN]), (NEXT_RUN, [])):
        drone = Intake(tmp_path, key, run=run)
        await drone.take(signed)
        assert drone.kinds == expected
    assert drone.reasons == [REPLAYED], "the number outlives the agent"
    await drone.take(key.sign(sound(OrderKind.STAND_DOWN, run=None, sequence=11)))
    assert drone.kinds == [OrderKind.STAND_DOWN]


async def test_a_captured_order_is_of_no_use_once_a_later_one_was_taken(
    tmp_path: Path, key: StationKey
) -> None:
    drone = Intake(tmp_path, key)
    start, pause = key.sign(sound(sequence=10)), key.sign(sound(OrderKind.PAUSE, sequence=11))
    await drone.take(pause, start)
    assert (drone.kinds, drone.reasons) == ([OrderKind.PAUSE], [REPLAYED])


@pytest.mark.parametrize("kind", OrderKind)
async def test_with_a_full_disk_only_what_takes_away_is_obeyed(
    tmp_path: Path, key: StationKey, kind: OrderKind
) -> None:
    (tmp_path / "drone").write_text("no folder")
    drone = Intake(tmp_path, key)
    await drone.take(key.sign(sound(kind)))
    assert drone.kinds == ([kind] if kind in TAKE_AWAY else [])
    assert drone.reasons == ([] if kind in TAKE_AWAY else [NOT_KEPT])
    await drone.take(key.sign(sound(kind, sequence=10)))
    assert drone.reasons[-1:] == [REPLAYED], "the number is used all the same"


async def test_an_order_that_runs_out_while_its_number_is_written_is_refused(
    tmp_path: Path, key: StationKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    drone = Intake(tmp_path, key)

    def slow(sequence: int) -> None:
        drone.now_s += EXPIRES_S

    monkeypatch.setattr(drone.sequence, "keep", slow)
    await drone.take(key.sign(sound()))
    assert (drone.taken, drone.reasons) == ([], [LATE])


async def test_an_order_that_cannot_be_handed_on_costs_no_other(tmp_path: Path, key: StationKey) -> None:
    seen: list[OrderKind] = []

    def handler(order: Order) -> None:
        seen.append(order.kind)
        if order.kind is OrderKind.START:
            raise RuntimeError("boom")

    public = StationPublicKey.parse(key.public)
    intake = OrderIntake(
        DRONE, RUN, handler, key=public, sequence=OrderSequence(tmp_path / "s"), clock=lambda: NOW_S
    )
    await intake.take(key.sign(sound()))
    await intake.take(key.sign(sound(OrderKind.PAUSE, sequence=11)))
    assert seen == [OrderKind.START, OrderKind.PAUSE]


async def test_a_flood_of_forged_orders_fills_neither_the_state_nor_the_log(
    tmp_path: Path, key: StationKey, caplog: pytest.LogCaptureFixture
) -> None:
    drone = Intake(tmp_path, key)
    for _ in range(500):
        await drone.take(key.sign(sound()).model_copy(update={"signature": ""}))
    assert len(drone.reasons) == REFUSALS_KEPT
    assert len(caplog.records) == 1


# --- keys and numbers on the disk ---------------------------------------------------------------------


def test_the_stations_key_is_made_once_and_is_its_users_alone(tmp_path: Path) -> None:
    first = StationKey.open(tmp_path / "station")
    path = tmp_path / "station" / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert StationKey.open(tmp_path / "station").public == first.public
    assert StationKey.open(tmp_path / "other").public != first.public
    assert [one.name for one in path.parent.iterdir()] == [KEY_FILE], "nothing is left lying about"


async def test_of_two_that_make_the_key_at_once_both_get_the_same(tmp_path: Path) -> None:
    made = await asyncio.gather(*(asyncio.to_thread(StationKey.open, tmp_path / "new") for _ in range(8)))
    assert len({key.public for key in made}) == 1


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----", b"\xff\x00", b"ed25519:AAAA"])
def test_a_key_file_that_holds_none_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(StationError, match="not the key that orders are signed with"):
        StationKey.open(tmp_path)


def test_a_drone_reads_the_line_that_the_station_prints(tmp_path: Path, key: StationKey) -> None:
    path = tmp_path / "station.pub"
    path.write_text(key.public + "\n")
    assert StationPublicKey.read(path).has_signed(key.sign(sound()))


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "ed25519:*", "rsa:AAAA", "\udcff"])
def test_a_public_key_that_is_none_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "station.pub"
    with pytest.raises(UplinkError, match="does not exist") as missing:
        StationPublicKey.read(path)
    assert "emberwatch station key" in str(missing.value.hint)
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UplinkError, match="cannot be read"):
        StationPublicKey.read(path)


@pytest.mark.parametrize(
    ("content", "last"), [(b"17\n", 17), (b"", 0), (b"many", 0), (b"-3", 0), (b"\xff", 0)]
)
def test_a_number_that_cannot_be_read_counts_as_none(tmp_path: Path, content: bytes, last: int) -> None:
    (tmp_path / "s").write_bytes(content)
    assert OrderSequence(tmp_path / "s").last == last


def test_the_number_is_on_the_disk_when_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    sequence = OrderSequence(tmp_path / "drone" / "s")
    sequence.keep(5)
    assert len(synced) == 2, "the file, and the folder that it is in"
    assert OrderSequence(tmp_path / "drone" / "s").last == 5
