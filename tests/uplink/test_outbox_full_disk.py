"""On a disk that is really full the drone keeps alerts, and the station takes no half of a picture."""

from __future__ import annotations

from pathlib import Path

from .small_disk import said_on_a_small_disk


def test_alerts_go_on_and_pictures_come_back_once_there_is_room(tmp_path: Path) -> None:
    said = said_on_a_small_disk(
        tmp_path,
        """
        with Outbox(path) as outbox:
            before = make_picture("before", size=20_000)
            outbox.put_alert(make_alert(), by_hash(before))
            fill()
            for number in range(50):
                outbox.put_alert(make_alert(), by_hash(make_picture(str(number), size=20_000)))
            alerts, pictures = outbox.waiting(), outbox.media_waiting()
            print("alerts", alerts, "pictures", pictures, "dropped", outbox.media_dropped)
            sent = 0
            while item := outbox.next_item():
                outbox.mark_sent(item)
                sent += 1
            print("sent", sent)
            (folder / "fill").unlink()
            outbox.put_alert(make_alert(), by_hash(make_picture("after", size=20_000)))
            print("pictures again", outbox.media_waiting())
        """,
    )
    assert "alerts 51 pictures 1 dropped 50" in said
    assert "sent 52" in said
    assert "pictures again 1" in said
    assert said.count("makes way for alerts") == 1
    assert said.count("the disk has room again") == 1


def test_an_agent_starts_on_a_full_disk_and_keeps_alerts(tmp_path: Path) -> None:
    said = said_on_a_small_disk(
        tmp_path,
        """
        with Outbox(path) as outbox:
            outbox.put_alert(make_alert())
        fill()
        with Outbox(path) as outbox:
            outbox.put_alert(make_alert())
            print("alerts", outbox.waiting())
        """,
    )
    assert "alerts 2" in said


def test_when_even_the_kept_room_is_full_of_alerts_pictures_make_room_and_then_it_is_an_error(
    tmp_path: Path,
) -> None:
    said = said_on_a_small_disk(
        tmp_path,
        """
        with Outbox(path) as outbox:
            for number in range(10):
                outbox.put_alert(make_alert(), by_hash(make_picture(str(number), size=20_000)))
            fill()
            kept = 10
            try:
                while True:
                    outbox.put_alert(make_alert())
                    kept += 1
                    if kept == 15:
                        fill("also what was kept")
            except OutboxFullError as error:
                print("full:", "full" in str(error))
            print("all there", outbox.waiting() == kept, "pictures", outbox.media_waiting())
        """,
    )
    assert "full: True" in said
    assert "all there True" in said


def test_the_station_takes_no_half_of_a_picture(tmp_path: Path) -> None:
    said = said_on_a_small_disk(
        tmp_path,
        """
        import sqlite3
        from uplink.station.store.store import Store

        async def story():
            store = Store(folder / "station")
            picture = make_picture(size=100_000)
            sha256 = sha256_of(picture)
            for number in range(20):
                other = make_picture(str(number))
                await store.media.put(sha256_of(other), other, drone_id="ember-1", now_s=0.0)
            # The database has room for more, within its own files: only the picture has not.
            with sqlite3.connect(folder / "station" / "station.db") as db:
                db.execute("PRAGMA wal_checkpoint(RESTART)")
            fill(but_bytes=40 * 1024)
            try:
                await store.media.put(sha256, picture, drone_id="ember-1", now_s=0.0)
            except StoreError:
                print("refused")
            print("there:", await store.media.find(sha256))
            (folder / "fill").unlink()
            await store.media.put(sha256, picture, drone_id="ember-1", now_s=0.0)
            print("whole:", (await store.media.find(sha256)).read_bytes() == picture)
            store.close()

        asyncio.run(story())
        """,
    )
    assert "refused" in said
    assert "there: None" in said
    assert "whole: True" in said
