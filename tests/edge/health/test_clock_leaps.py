"""Somebody sets the computer's clock by a year, forth and back, in the middle of a fire."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

from tests.edge.watched_flight import FIRE, Flight
from uplink.messages import Alert, SeeingState
from uplink.outbox import Outbox

YEAR = timedelta(days=365)


class SetClock(datetime):
    """The computer's clock, ``off`` from the right one."""

    off = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(time.time(), tz) + cls.off


async def test_one_fire_stays_one_alert_that_goes_on_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without satellites' time there is only the computer's; with it nothing of this is asked."""
    monkeypatch.setattr("edge.airborne.datetime", SetClock)
    with Outbox(tmp_path / "outbox.db") as outbox:
        flight = Flight(tmp_path, outbox, monkeypatch)
        flight.vehicle.telemetry.armed = True
        ids, revisions, years = set(), [], []
        for off in (timedelta(), YEAR, -YEAR, timedelta()):
            SetClock.off = off
            flight.see(8.0, FIRE)
            assert flight.watch.seeing(flight.now_s).state is SeeingState.SEEING
            await flight.watch.keep_what_waits()
            item = outbox.next_item()
            assert item is not None, "nothing new was told"
            alert = Alert.model_validate_json(item.body)
            outbox.mark_sent(item)
            ids.add(alert.id)
            revisions.append(alert.revision)
            years.append(round((alert.last_seen_at.timestamp() - time.time()) / YEAR.total_seconds()))
        assert len(ids) == 1
        assert revisions == sorted(set(revisions)), "each is newer than all before, whatever its date"
        assert years == [0, 1, -1, 0]
        assert outbox.waiting() == 0
        await flight.watch._save_hotspots()
        again = Flight(tmp_path, outbox, monkeypatch)
        again.vehicle.telemetry.armed = True
        SetClock.off = YEAR
        again._seq = flight._seq
        again.see(1.0, FIRE)
        assert {hotspot.id for hotspot in again.watch.hotspots} == ids, "a start anew goes on with it"
