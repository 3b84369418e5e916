"""What goes when its time is over, and what stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database as Connection

from uplink.station.config import RetentionConfig
from uplink.station.retention import DAY_S, Retention, cutoffs
from uplink.station.store.media import MediaState
from uplink.station.store.store import Store

from .makers import make_alert, make_picture, sha256_of

NOW_S = 1_800_000_000.0
OLD_S = NOW_S - 31 * DAY_S


class House:
    """A store, and a policy of 30 and 90 days."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.retention = Retention(
            self.store.retention,
            self.store.settings,
            RetentionConfig(),
            clock=lambda: NOW_S,
            monotonic=lambda: 0.0,
        )

    async def picture(self, name: str, received_at_s: float = OLD_S) -> str:
        data = make_picture(name)
        await self.store.media.put(sha256_of(data), data, drone_id="ember-1", now_s=received_at_s)
        return sha256_of(data)

    async def alert(self, name: str, incident_state: str | None, closed_at_s: float = OLD_S) -> None:
        """An old alert with that picture, in an incident that is in this state."""
        alert = make_alert(pictures=(make_picture(name),))

        def work(db: Connection) -> None:
            db.execute(
                "insert into alerts (id, drone_id, revision, confirmed_at_s, received_at_s, body) "
                "values (?, 'ember-1', 1, ?, ?, ?)",
                [str(alert.id), OLD_S, OLD_S, alert.model_dump_json()],
            )
            if incident_state is not None:
                link = db.execute(
                    "insert into footprints (key, cluster, incident_id, is_plain) values (?, 1, ?, 1)",
                    [name, name],
                ).lastrowid
                db.execute("update alerts set footprint_id = ? where id = ?", [link, str(alert.id)])
                db.execute(
                    "insert into incidents (id, first_alert_id, first_confirmed_s, state, life, "
                    "updated_at_s) values (?, ?, 0, ?, '', ?)",
                    [name, str(alert.id), incident_state, closed_at_s],
                )

        await self.store._database.run(work)

    async def stays(self, sha256: str) -> bool:
        row = await self.store.media.get(sha256)
        assert row is not None, "that there was a picture is never forgotten"
        assert (row.state is MediaState.GONE) is not self.store.media.original(sha256).exists()
        return row.state is not MediaState.GONE

    async def rows(self, table: str) -> list[dict[str, Any]]:
        return await self.store._database.read(lambda db: list(db.query(f"select * from {table}")))  # noqa: S608


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def test_the_policy_says_what_is_old() -> None:
    limits = cutoffs(RetentionConfig(media_days=2, telemetry_days=3, deliveries_days=4), 10 * DAY_S)
    assert (limits.media_s, limits.telemetry_s, limits.deliveries_s) == (8 * DAY_S, 7 * DAY_S, 6 * DAY_S)


@pytest.mark.parametrize(
    ("incident_state", "closed_days_ago", "stays"),
    [
        ("new", 40, True),
        ("acknowledged", 40, True),
        ("dispatched", 40, True),
        ("resolved", 29, True),
        ("false alarm", 29, True),
        ("resolved", 31, False),
        ("false alarm", 31, False),
        (None, 0, True),
    ],
    ids=str,
)
async def test_an_old_picture_stays_for_as_long_as_an_incident_may_need_it(
    house: House, incident_state: str | None, closed_days_ago: int, stays: bool
) -> None:
    sha256 = await house.picture("a")
    await house.alert("a", incident_state, NOW_S - closed_days_ago * DAY_S)
    await house.retention.sweep()
    assert await house.stays(sha256) is stays


async def test_a_picture_that_two_incidents_have_goes_with_the_last_of_them(house: House) -> None:
    sha256 = await house.picture("a")
    await house.alert("a", "resolved")
    alert = make_alert(pictures=(make_picture("a"),))

    def second(db: Connection) -> None:
        db.execute(
            "insert into alerts (id, drone_id, revision, confirmed_at_s, received_at_s, body) "
            "values (?, 'ember-1', 1, 0, 0, '{\"evidence\": []}')",
            [str(alert.id)],
        )
        db.execute("update alerts set body = ? where id = ?", [alert.model_dump_json(), str(alert.id)])

    await house.store._database.run(second)
    await house.retention.sweep()
    assert await house.stays(sha256)


async def test_young_pictures_and_those_on_hold_stay_and_the_log_says_what_went(house: House) -> None:
    young, old, held = (
        await house.picture("young", NOW_S - 29 * DAY_S),
        *[await house.picture(name) for name in ("old", "held")],
    )
    assert await house.store.media.set_hold(held, "a court asks", who="ann", now_s=NOW_S)
    house.store.media.shown(old).write_bytes(b"the copy")
    assert await house.retention.sweep() == {"media": 1}
    assert [await house.stays(each) for each in (young, old, held)] == [True, False, True]
    assert not house.store.media.shown(old).exists()
    swept, hold = await house.store.audit.newest(2)
    assert (swept.who, swept.what, swept.detail["removed"]) == ("station", "retention.swept", {"media": 1})
    assert (hold.who, hold.what, hold.detail) == ("ann", "media.held", {"reason": "a court asks"})
    assert await house.retention.sweep() == {}
    assert len(await house.store.audit.newest(10)) == 2, "where nothing goes there is nothing to say"


async def test_what_a_crash_left_half_removed_is_finished(house: House) -> None:
    sha256 = await house.picture("a")
    await house.store._database.run(lambda db: db.execute("update media set state = 'leaving'"))
    assert await house.retention.sweep() == {"media": 1}
    assert not await house.stays(sha256)


async def test_a_picture_that_comes_again_after_it_went_is_here_again(house: House) -> None:
    sha256 = await house.picture("a")
    await house.retention.sweep()
    assert await house.store.media.find(sha256) is None
    await house.picture("a", NOW_S)
    assert await house.stays(sha256)
    assert await house.retention.sweep() == {}


async def test_more_than_fits_into_one_piece_goes_in_several(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uplink.station.store.retention.MEDIA_AT_ONCE", 3)
    for number in range(7):
        await house.picture(str(number))
    assert await house.retention.sweep() == {"media": 7}


async def test_old_telemetry_and_settled_deliveries_go_and_waiting_ones_stay(house: House) -> None:
    def work(db: Connection) -> None:
        for heard_at_s in (NOW_S - 91 * DAY_S, NOW_S - 89 * DAY_S):
            db.execute(
                "insert into telemetry (drone_id, at_s, heard_at_s, mode, seeing) values ('a', 0, ?, '', '')",
                [heard_at_s],
            )
        for number, (state, days) in enumerate(
            [("delivered", 91), ("dead", 91), ("waiting", 91), ("delivered", 89)]
        ):
            db.execute(
                "insert into deliveries (event_id, type, subject_id, revision, endpoint_id, url_host, body, "
                "state, created_at_s, due_at_s) values (?, 't', '', 1, 'e', 'h', '{}', ?, ?, 0)",
                [str(number), state, NOW_S - days * DAY_S],
            )
            db.execute("insert into delivery_attempts (delivery_id, at_s) values (?, 0)", [number + 1])

    await house.store._database.run(work)
    assert await house.retention.sweep() == {"telemetry": 1, "deliveries": 2}
    assert [row["event_id"] for row in await house.rows("deliveries")] == ["2", "3"]
    assert [row["delivery_id"] for row in await house.rows("delivery_attempts")] == [3, 4]
    assert len(await house.rows("telemetry")) == 1


async def test_a_clock_that_leaps_makes_nothing_old(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 2027 to 2037 while it waits: the sweep of that time is left out, the next one is made."""
    waits: list[float] = []
    sweeps: list[float] = []
    clock = {"wall": NOW_S, "monotonic": 0.0}

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        leap = 10 * 365 * DAY_S if len(waits) == 1 else 0.0
        clock["wall"] += seconds + leap
        clock["monotonic"] += seconds
        if len(waits) == 3:
            raise asyncio.CancelledError

    async def sweep(self: Retention) -> dict[str, int]:
        sweeps.append(clock["monotonic"])
        return {}

    monkeypatch.setattr("uplink.station.retention.asyncio.sleep", sleep)
    monkeypatch.setattr(Retention, "sweep", sweep)
    retention = Retention(
        house.store.retention,
        house.store.settings,
        RetentionConfig(),
        clock=lambda: clock["wall"],
        monotonic=lambda: clock["monotonic"],
    )
    with pytest.raises(asyncio.CancelledError):
        await retention.run()
    assert waits == [600.0, 3600.0, 3600.0]
    assert sweeps == [4200.0]


async def test_triggers_know_the_pictures_of_alerts_however_they_are_written(house: House) -> None:
    await house.alert("a", None)
    (row,) = await house.rows("evidence")
    assert row["sha256"] == sha256_of(make_picture("a"))
    body = json.dumps({"evidence": [{"sha256": "another"}]})
    await house.store._database.run(lambda db: db.execute("update alerts set body = ?", [body]))
    assert {row["sha256"] for row in await house.rows("evidence")} == {row["sha256"], "another"}
