"""What the drone has to say survives, and goes out in the right order."""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
from pathlib import Path

import pytest
import uuid6

from uplink.errors import OutboxError, OutboxFullError
from uplink.messages import Alert
from uplink.outbox import Outbox, OutboxItem, Refused
from uplink.outbox_reader import dead_letters, kept_alert

from .makers import by_hash, make_alert, make_patrol, make_picture, sha256_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "drone" / "outbox.db"


def _next(outbox: Outbox, *postponed: str) -> OutboxItem:
    item = outbox.next_item(postponed)
    assert item is not None
    return item


def _empty(outbox: Outbox) -> list[OutboxItem]:
    """Everything in the order in which a willing station would get it."""
    items = []
    while item := outbox.next_item():
        outbox.mark_sent(item)
        items.append(item)
    return items


def test_what_was_put_is_there_after_a_restart(path: Path) -> None:
    picture = make_picture()
    alert = make_alert(pictures=(picture,))
    with Outbox(path) as outbox:
        assert outbox.put_alert(alert, by_hash(picture))
        outbox.put_patrol(make_patrol())
    with Outbox(path) as outbox:
        assert outbox.waiting() == 1
        assert outbox.patrol() == make_patrol()
        first, second = _empty(outbox)
    assert Alert.model_validate_json(first.body) == alert
    assert (second.kind, second.body) == ("media", picture)


def test_what_was_told_before_a_restart_is_known_after_it_also_when_it_was_sent(path: Path) -> None:
    first, second = make_alert(), make_alert()
    with Outbox(path) as outbox:
        outbox.put_alert(first)
        _empty(outbox)
        outbox.put_alert(second)
    with Outbox(path) as outbox:
        told = outbox.told(10)
        assert list(told) == [str(first.id), str(second.id)]
        assert Alert.model_validate_json(told[str(first.id)]) == first
        assert list(outbox.told(1)) == [str(second.id)]


def test_an_alert_is_found_with_its_record_by_the_beginning_of_its_id_while_the_agent_runs(
    path: Path,
) -> None:
    alert = make_alert(uuid6.UUID("01900000-0000-7000-8000-000000000001"))
    other = make_alert(uuid6.UUID("01910000-0000-7000-8000-000000000001"))
    newer = make_alert(alert.id, 2)
    with Outbox(path) as outbox:
        outbox.put_alert(alert, record='{"of": 1}')
        outbox.put_alert(other)
        outbox.put_alert(newer, record='{"of": 2}')
        outbox.put_alert(alert, record='{"of": 1}')
        kept = kept_alert(path, "01900000")
        assert (kept.alert, kept.record) == (newer, '{"of": 2}')
        assert kept_alert(path, str(other.id).upper()).record is None
        for asked, told in (("019", "more than one"), ("0192", "no alert"), ("%", "no alert")):
            with pytest.raises(OutboxError, match=told):
                kept_alert(path, asked)
    with pytest.raises(OutboxError, match="there is no outbox"):
        kept_alert(path.with_name("other.db"), "0190")


def test_records_are_never_sent_and_go_with_their_alert(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uplink.outbox_tables.KEPT_SENT_ALERTS", 2)
    alerts = [make_alert() for _ in range(4)]
    with Outbox(path) as outbox:
        for alert in alerts:
            outbox.put_alert(alert, record="{}")
        assert [item.kind for item in _empty(outbox)] == ["alert"] * 4
        with sqlite3.connect(path) as db:
            left = {row[0] for row in db.execute("select alert_id from records")}
    assert left == {str(alert.id) for alert in alerts[-2:]}


def test_an_outbox_of_before_there_were_records_is_read_and_goes_on(path: Path) -> None:
    alert = make_alert()
    with Outbox(path) as outbox:
        outbox.put_alert(alert)
    with sqlite3.connect(path) as db:
        db.execute("drop table records")
    assert kept_alert(path, str(alert.id)).record is None
    with Outbox(path) as outbox:
        outbox.put_alert(make_alert(alert.id, 2), record="{}")
    assert kept_alert(path, str(alert.id)).record == "{}"


def test_alerts_go_before_pictures_and_pictures_after_their_own_alert(path: Path) -> None:
    early, late = make_picture("early"), make_picture("late")
    with Outbox(path) as outbox:
        one, two = make_alert(pictures=(early,)), make_alert(pictures=(late,))
        outbox.put_alert(one, by_hash(early))
        outbox.put_alert(two, by_hash(late))
        outbox.mark_sent(_next(outbox, str(one.id)))  # the first is postponed: the second went
        held_back = _next(outbox, str(one.id))
        assert held_back.key == sha256_of(late), "the picture of an alert not yet sent has to wait"
        assert [item.key for item in _empty(outbox)] == [str(one.id), sha256_of(early), sha256_of(late)]


def test_a_newer_revision_replaces_an_unsent_older_one(path: Path) -> None:
    with Outbox(path) as outbox:
        alert_id = uuid6.uuid7()
        for revision in (1, 2, 3):
            assert outbox.put_alert(make_alert(alert_id, revision))
        assert outbox.waiting() == 1
        assert [item.revision for item in _empty(outbox)] == [3]


@pytest.mark.parametrize("seed", range(5))
def test_the_highest_revision_wins_in_any_order(path: Path, seed: int) -> None:
    alert_id = uuid6.uuid7()
    revisions = list(range(1, 9))
    random.Random(seed).shuffle(revisions)
    sent: list[int] = []
    with Outbox(path) as outbox:
        for revision in revisions:
            outbox.put_alert(make_alert(alert_id, revision))
            if revision % 3 == 0:
                sent += [item.revision for item in _empty(outbox)]
        sent += [item.revision for item in _empty(outbox)]
    assert sent == sorted(set(sent)), "an older revision never follows a newer one"
    assert sent[-1] == 8


def test_a_revision_put_while_an_older_one_is_on_its_way_is_not_lost(path: Path) -> None:
    alert_id = uuid6.uuid7()
    with Outbox(path) as outbox:
        outbox.put_alert(make_alert(alert_id, 1))
        on_its_way = _next(outbox)
        outbox.put_alert(make_alert(alert_id, 2))
        outbox.mark_sent(on_its_way)
        assert outbox.waiting() == 1
        assert _next(outbox).revision == 2


def test_of_alerts_long_sent_nothing_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uplink.outbox_tables.KEPT_SENT_ALERTS", 3)
    with Outbox(path) as outbox:
        for _ in range(10):
            outbox.put_alert(make_alert())
        stuck = _next(outbox)
        while item := outbox.next_item([stuck.key]):
            outbox.mark_sent(item)
        assert _count_alerts(path) == 1 + 3
        assert _next(outbox) == stuck, "what waits stays, however old it is"


def test_a_refused_item_goes_to_the_dead_letters_and_the_next_one_comes(path: Path) -> None:
    with Outbox(path) as outbox:
        poisoned, sound = make_alert(), make_alert()
        outbox.put_alert(poisoned)
        outbox.put_alert(sound)
        outbox.mark_refused(_next(outbox), "HTTP 422: no")
        assert [item.key for item in _empty(outbox)] == [str(sound.id)]
        assert outbox.waiting() == 0
        (letter,) = dead_letters(path)
        assert (letter.key, letter.reason) == (str(poisoned.id), "HTTP 422: no")
        assert letter.body is not None
        assert Alert.model_validate_json(letter.body) == poisoned
        assert outbox.put_alert(make_alert(poisoned.id, 2)), "a newer revision gets its own chance"
        assert outbox.waiting() == 1


def test_how_many_were_refused_and_why_is_known_after_a_restart(path: Path) -> None:
    with Outbox(path) as outbox:
        assert outbox.refused() == Refused(0, "")
        for reason in ("HTTP 409", "HTTP 422: no"):
            outbox.put_alert(make_alert())
            outbox.mark_refused(_next(outbox), reason)
        assert outbox.refused() == Refused(2, "HTTP 422: no")
    with Outbox(path) as outbox:
        assert outbox.refused() == Refused(2, "HTTP 422: no")


def test_refused_media_are_not_handed_out_again(path: Path) -> None:
    picture = make_picture()
    with Outbox(path) as outbox:
        outbox.put_alert(make_alert(), by_hash(picture))
        outbox.mark_sent(_next(outbox))
        outbox.mark_refused(_next(outbox), "HTTP 413")
        assert outbox.next_item() is None
        assert [(letter.kind, letter.key) for letter in dead_letters(path)] == [("media", sha256_of(picture))]


def test_over_budget_the_oldest_pictures_go_and_never_an_alert(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = [make_picture(str(number), size=1000) for number in range(5)]
    with Outbox(path, media_budget_bytes=2500) as outbox:
        for picture in pictures:
            outbox.put_alert(make_alert(), by_hash(picture))
        assert outbox.waiting() == 5
        left = [item.body for item in _empty(outbox) if item.kind == "media"]
        assert left == pictures[-2:]
        assert outbox.media_dropped == 3
    assert "dropped 1 pictures" in caplog.text


def test_on_a_full_disk_pictures_make_room_for_alerts(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Outbox(path) as outbox:
        _limit_pages(outbox, 60)
        for number in range(40):
            picture = make_picture(str(number), size=20_000)
            outbox.put_alert(make_alert(), by_hash(picture))
        assert outbox.waiting() == 40
        assert outbox.media_dropped > 0
    assert "the disk is full" in caplog.text


def test_a_disk_full_of_alerts_is_an_error_that_says_so(path: Path) -> None:
    with Outbox(path) as outbox:
        _limit_pages(outbox, 30)

        def put_many() -> None:
            for _ in range(200):
                outbox.put_alert(make_alert())

        with pytest.raises(OutboxFullError, match="full"):
            put_many()
        assert outbox.waiting() > 0
        assert _empty(outbox), "what is in it can still be sent"


def test_media_that_do_not_match_their_hash_are_not_taken(path: Path) -> None:
    with Outbox(path) as outbox:
        with pytest.raises(OutboxError, match="do not match"):
            outbox.put_alert(make_alert(), {"0" * 64: make_picture()})
        assert outbox.waiting() == 0


@pytest.mark.parametrize("damage", ["not a database at all", "a page torn in the middle"])
def test_a_corrupt_file_is_set_aside_and_a_new_one_started(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Outbox(path) as outbox:
        for _ in range(50):
            outbox.put_alert(make_alert())
    whole = path.read_bytes()
    if damage == "not a database at all":
        path.write_bytes(b"nonsense" * 1000)
    else:
        path.write_bytes(whole[:8192] + bytes(random.Random(1).randbytes(4096)) + whole[12288:])
    with Outbox(path) as outbox:
        assert outbox.waiting() == 0
        assert outbox.put_alert(make_alert())
        assert outbox.waiting() == 1
        aside = path.with_name("outbox.db.corrupt-1")
        (alarm,) = outbox.alarms()
        assert aside.name in alarm
    assert aside.exists(), "nothing is deleted"
    with Outbox(path) as outbox:
        assert outbox.alarms() == [alarm], "a person has not looked after it yet"
    aside.unlink()
    with Outbox(path) as outbox:
        assert outbox.alarms() == []
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert aside.name in errors[0].getMessage()


def test_of_files_set_aside_only_the_latest_are_kept(path: Path) -> None:
    for number in range(1, 6):
        with Outbox(path) as outbox:
            outbox.put_alert(make_alert())
        path.write_bytes(b"nonsense" * 1000 + str(number).encode())
    with Outbox(path):
        kept = {one.name: one.read_bytes()[-1:] for one in path.parent.glob("*.corrupt-*")}
    assert kept == {f"outbox.db.corrupt-{number}": str(number).encode() for number in (3, 4, 5)}


def test_damage_found_while_running_does_not_stop_the_drone(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Outbox(path) as outbox:
        for _ in range(50):
            outbox.put_alert(make_alert())
        # Through a second connection, as a dying disk would: the schema points into garbage.
        vandal = sqlite3.connect(path)
        vandal.execute("PRAGMA writable_schema=ON")
        vandal.execute("update sqlite_master set rootpage = 3 where name = 'alerts'")
        vandal.execute("PRAGMA schema_version = 999")
        vandal.commit()
        vandal.close()
        alert = make_alert()
        assert outbox.put_alert(alert)
        assert outbox.waiting() == 1
        assert _next(outbox).key == str(alert.id)
        assert "outbox.db.corrupt-1" in outbox.alarms()[0]
    assert "is corrupt" in caplog.text


def test_an_outbox_that_cannot_be_opened_says_where_and_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutboxError, match=r"outbox\.db cannot be opened"):
        Outbox(tmp_path / "file" / "outbox.db")


def test_it_may_be_used_from_many_threads(path: Path) -> None:
    with Outbox(path) as outbox:

        def put_some() -> None:
            for _ in range(5):
                outbox.put_alert(make_alert())

        threads = [threading.Thread(target=put_some) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outbox.waiting() == 20


def _count_alerts(path: Path) -> int:
    connection = sqlite3.connect(path)
    count: int = connection.execute("select count(*) from alerts").fetchone()[0]
    connection.close()
    return count


def _limit_pages(outbox: Outbox, pages: int) -> None:
    """SQLite's own way to run out of room: no more than this many pages of 4 KiB."""
    outbox._file._db.conn.execute(f"PRAGMA max_page_count = {pages}")
