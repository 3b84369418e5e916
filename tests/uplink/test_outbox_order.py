"""What of the outbox goes first, what makes room first, and what is remembered of the attempts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from uplink.messages import Alert, AlertState, EvidenceKind
from uplink.outbox import Outbox, OutboxItem
from uplink.outbox_reader import waiting

from .makers import by_hash, make_alert, make_picture, sha256_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def _showing(alert: Alert, **pictures: bytes) -> Alert:
    """The alert with these pictures as evidence: ``ground_view``, ``detection``, ``lead_up``."""
    kinds: dict[str, EvidenceKind] = {
        "ground_view": "ground view",
        "detection": "detection",
        "lead_up": "lead-up",
    }
    (first,) = make_alert(pictures=(b"any",)).evidence
    evidence = [
        first.model_copy(update={"kind": kinds[name], "sha256": sha256_of(picture)})
        for name, picture in pictures.items()
    ]
    return alert.model_copy(update={"evidence": evidence})


def _put(outbox: Outbox, alert: Alert, **pictures: bytes) -> Alert:
    shown = _showing(alert, **pictures)
    outbox.put_alert(shown, by_hash(*pictures.values()))
    return shown


def _bodies(outbox: Outbox) -> list[bytes]:
    """Every picture, in the order in which a willing station would get it."""
    bodies = []
    while item := outbox.next_item():
        outbox.mark_sent(item)
        if item.kind == "media":
            bodies.append(item.body)
    return bodies


def _first(outbox: Outbox) -> OutboxItem:
    item = outbox.next_item()
    assert item is not None
    return item


def test_pictures_go_by_what_they_are_worth_and_the_oldest_of_a_kind_first(path: Path) -> None:
    with Outbox(path) as outbox:
        for name in ("a", "b"):
            alert = make_alert()
            pictures = {kind: f"{name} {kind}".encode() for kind in ("lead_up", "detection", "ground_view")}
            shown = _showing(alert, **pictures)
            outbox.put_alert(shown, by_hash(*pictures.values(), f"{name} further".encode()))
        assert _bodies(outbox) == [
            f"{name} {kind}".encode()
            for kind in ("ground_view", "detection", "lead_up", "further")
            for name in ("a", "b")
        ]


def test_an_alert_that_comes_while_pictures_wait_goes_before_them(path: Path) -> None:
    with Outbox(path) as outbox:
        _put(outbox, make_alert(), ground_view=b"waits")
        outbox.mark_sent(_first(outbox))
        assert _first(outbox).kind == "media"
        later = make_alert()
        outbox.put_alert(later)
        assert _first(outbox).key == str(later.id)


def test_what_the_latest_revision_no_longer_shows_lets_the_others_go_first(path: Path) -> None:
    with Outbox(path) as outbox:
        alert = make_alert()
        _put(outbox, alert, detection=b"blurred")
        _put(outbox, make_alert(), lead_up=b"before another")
        _put(outbox, make_alert(alert.id, 2), detection=b"clear")
        assert _bodies(outbox) == [b"clear", b"before another", b"blurred"]


def test_pictures_of_a_withdrawn_alert_go_last(path: Path) -> None:
    with Outbox(path) as outbox:
        alert = make_alert()
        _put(outbox, alert, ground_view=b"of a mistake")
        _put(outbox, make_alert(), lead_up=b"of a fire")
        outbox.put_alert(
            _showing(make_alert(alert.id, 2, state=AlertState.WITHDRAWN), ground_view=b"of a mistake")
        )
        assert _bodies(outbox) == [b"of a fire", b"of a mistake"]


def test_what_is_worth_least_makes_room_first(path: Path) -> None:
    with Outbox(path, media_budget_bytes=2500) as outbox:
        _put(
            outbox,
            make_alert(),
            ground_view=make_picture("ground", size=900),
            detection=make_picture("detection", size=900),
        )
        outbox.mark_sent(_first(outbox))
        refused = _first(outbox)
        outbox.mark_refused(refused, "HTTP 415")
        _put(outbox, make_alert(), lead_up=make_picture("lead-up", size=900))
        assert outbox.media_dropped == 1
        assert [one.key for one in waiting(path) if one.kind == "media"] == [
            sha256_of(make_picture("detection", size=900)),
            sha256_of(make_picture("lead-up", size=900)),
        ], "the refused one went, though it was a ground view"
        _put(outbox, make_alert(), ground_view=make_picture("another", size=900))
        assert sha256_of(make_picture("lead-up", size=900)) not in {one.key for one in waiting(path)}


def test_large_pictures_are_not_handed_out_over_a_link_that_is_for_small_ones(path: Path) -> None:
    small, large = make_picture("small"), make_picture("large", size=5000)
    with Outbox(path) as outbox:
        _put(outbox, make_alert(), ground_view=large, lead_up=small)
        outbox.mark_sent(_first(outbox))
        item = outbox.next_item(largest_media_bytes=1000)
        assert item is not None
        assert item.body == small
        assert outbox.media_waiting() == 2
        outbox.mark_sent(item)
        assert outbox.next_item(largest_media_bytes=1000) is None
        assert _first(outbox).body == large


def test_attempts_and_the_last_reason_are_kept_over_a_restart_until_a_newer_revision(path: Path) -> None:
    alert = make_alert()
    with Outbox(path) as outbox:
        outbox.put_alert(alert)
        outbox.mark_failed(_first(outbox), "no route to host")
        outbox.mark_failed(_first(outbox), "HTTP 500")
    with Outbox(path) as outbox:
        assert _first(outbox).attempts == 2
        (one,) = waiting(path)
        assert (one.attempts, one.last_reason) == (2, "HTTP 500")
        outbox.put_alert(make_alert(alert.id, 2))
        (one,) = waiting(path)
        assert (one.revision, one.attempts, one.last_reason) == (2, 0, "")


def test_an_outbox_of_before_there_were_ranks_is_read_and_goes_on(path: Path) -> None:
    picture = make_picture()
    alert = make_alert(pictures=(picture,))
    old = sqlite3.connect(path)
    old.executescript(
        """
        create table alerts (
            seq integer primary key autoincrement, id text not null unique, revision integer not null,
            body text not null, sent_revision integer not null default 0,
            refused_revision integer not null default 0
        );
        create table media (
            seq integer primary key autoincrement, sha256 text not null unique, alert_id text not null,
            size_bytes integer not null, data blob not null
        );
        create table dead_letters (
            seq integer primary key autoincrement, kind text not null, key text not null,
            revision integer not null, reason text not null, refused_at text not null, body text
        );
        """
    )
    old.execute(
        "insert into alerts (id, revision, body) values (?, 1, ?)", [str(alert.id), alert.model_dump_json()]
    )
    old.execute(
        "insert into media (sha256, alert_id, size_bytes, data) values (?, ?, ?, ?)",
        [sha256_of(picture), str(alert.id), len(picture), picture],
    )
    old.commit()
    old.close()
    with Outbox(path) as outbox:
        assert outbox.waiting() == 1
        assert _bodies(outbox) == [picture]
