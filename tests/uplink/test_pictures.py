"""Pictures: kept as they came, shown as they were made anew, looked at on record, handed on with care."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from uplink.errors import StoreError
from uplink.station import picture_copy, pictures
from uplink.station.app import create_app
from uplink.station.looks import Looks
from uplink.station.picture_export import OutsideError, blurred
from uplink.station.pictures import PictureChecker
from uplink.station.services import Services
from uplink.station.store.audit import AuditFilter
from uplink.station.store.media import MediaState

from .makers import auth, eventually, make_config, make_jpeg, make_picture, sha256_of

PALE = b"\xff\xd8\xff\xe0 and no picture after it"


class House:
    """A station whose clock stands still, and somebody who speaks to it."""

    def __init__(self, http: httpx.AsyncClient, services: Services) -> None:
        self.http = http
        self.services = services
        self.now_s = 1_800_000_000.0

    async def put(self, jpeg: bytes) -> str:
        sha256 = sha256_of(jpeg)
        answer = await self.http.put(f"/media/{sha256}", content=jpeg, headers=auth())
        assert answer.status_code == 200
        return sha256

    async def state(self, sha256: str) -> MediaState:
        row = await self.services.store.media.get(sha256)
        assert row is not None
        return row.state

    async def checked(self, sha256: str) -> MediaState:
        async def is_checked() -> bool:
            return await self.state(sha256) is not MediaState.UNCHECKED

        await eventually(is_checked)
        return await self.state(sha256)

    async def deeds(self, sha256: str) -> list[str]:
        return [
            entry.what
            for entry in await self.services.store.audit.newest(100, wanted=AuditFilter(about=sha256))
        ]


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock: list[House] = []
    app = create_app(make_config(tmp_path), clock=lambda: clock[0].now_s if clock else 1_800_000_000.0)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            base_url="http://127.0.0.1/api/v1",
            transport=transport,
            headers={"X-Emberwatch-Session": "p" * 32},
        ) as http,
    ):
        clock.append(House(http, app.state.services))
        yield clock[0]


async def test_people_see_a_copy_without_what_the_camera_wrote_beside_it(house: House) -> None:
    jpeg = make_jpeg()
    sha256 = await house.put(jpeg)
    assert await house.checked(sha256) is MediaState.SHOWN
    answer = await house.http.get(f"/media/{sha256}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"maker's mark" in jpeg
    assert b"maker's mark" not in answer.content
    shown, sent = (np.asarray(Image.open(io.BytesIO(data)), int) for data in (answer.content, jpeg))
    assert shown.shape == sent.shape
    assert np.abs(shown - sent).mean() < 6, "what it shows is the same"
    again = await house.http.get(f"/media/{sha256}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_nobody_sees_a_picture_before_it_is_checked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later(self: PictureChecker) -> int:
        return 0

    monkeypatch.setattr(PictureChecker, "check_some", later)
    sha256 = await house.put(make_jpeg())
    assert (await house.http.get(f"/media/{sha256}")).status_code == 425
    assert (await house.http.post(f"/media/{sha256}/export", json={})).status_code == 425
    assert await house.deeds(sha256) == []


async def test_what_cannot_be_decoded_is_kept_for_admins_and_shown_to_nobody(house: House) -> None:
    sha256, fine = await house.put(PALE), await house.put(make_jpeg())
    assert await house.checked(sha256) is MediaState.QUARANTINED
    assert await house.checked(fine) is MediaState.SHOWN
    assert (await house.http.get(f"/media/{sha256}")).status_code == 403
    assert (await house.http.post(f"/media/{sha256}/export", json={})).status_code == 403
    (entry,) = (await house.http.get("/media", params={"state": "quarantined"})).json()
    assert entry["sha256"] == sha256
    assert "cannot be decoded" in entry["flaw"]
    assert (await house.http.get(f"/media/{sha256}/original")).content == PALE
    assert await house.deeds(sha256) == ["media.original", "media.quarantined"]


def test_a_bomb_a_cut_off_picture_and_another_format_have_a_flaw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    cases = {
        "cut off": make_jpeg(width_px=640, height_px=480)[:3000],
        "png": png.getvalue(),
        "bomb": make_jpeg(),
    }
    monkeypatch.setattr(picture_copy, "MOST_PIXELS", 64 * 48 - 1)
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(picture_copy.FlawError):
            picture_copy.make_copy(tmp_path / name, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()


async def test_a_decoder_that_dies_or_hangs_costs_only_the_picture_that_did_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = PictureChecker._ask

    async def dies(self: PictureChecker, original: Path, copy: Path) -> dict[str, str]:
        if original == house.services.store.media.original(deadly):
            asked.append(original.name)
            assert self._child is None or self._child.returncode is None
            if self._child is None:  # the child is there, and is killed as a kernel kills what takes too much
                await ask(self, original, copy)
            assert self._child is not None
            self._child.kill()
            await self._child.wait()
        return await ask(self, original, copy)

    deadly = sha256_of(make_jpeg(7))
    monkeypatch.setattr(PictureChecker, "_ask", dies)
    await house.put(make_jpeg(7))
    assert await house.checked(deadly) is MediaState.QUARANTINED
    assert len(asked) == pictures.TRIES
    assert await house.checked(await house.put(make_jpeg(8))) is MediaState.SHOWN


async def test_a_copy_that_is_gone_is_made_again(house: House) -> None:
    sha256 = await house.put(make_jpeg())
    await house.checked(sha256)
    house.services.store.media.shown(sha256).unlink()
    assert (await house.http.get(f"/media/{sha256}")).status_code == 425
    assert await house.checked(sha256) is MediaState.SHOWN
    assert (await house.http.get(f"/media/{sha256}")).status_code == 200


async def test_an_original_is_never_changed_and_comes_back_as_it_was(house: House) -> None:
    jpeg = make_jpeg()
    for _ in range(2):
        sha256 = await house.put(jpeg)
    await house.checked(sha256)
    path = house.services.store.media.original(sha256)
    assert path.read_bytes() == jpeg
    assert path.stat().st_mode & 0o777 == 0o400
    answer = await house.http.get(f"/media/{sha256}/original")
    assert answer.content == jpeg
    assert answer.headers["content-disposition"].startswith("attachment")
    assert await house.deeds(sha256) == ["media.original"]


async def test_each_person_that_looks_is_on_record_once_an_hour(house: House) -> None:
    sha256 = await house.put(make_jpeg())
    await house.checked(sha256)
    for minutes in (0, 1, 59, 61, 62):
        house.now_s = 1_800_000_000.0 + 60 * minutes
        assert (await house.http.get(f"/media/{sha256}")).status_code == 200
    assert await house.deeds(sha256) == ["media.seen", "media.seen"]


def test_looks_are_told_apart_by_person_and_picture_and_take_bounded_memory() -> None:
    looks = Looks()
    seen = [
        ("ann", "a", 0.0),
        ("ann", "a", 10.0),
        ("bob", "a", 10.0),
        ("ann", "b", 10.0),
        ("ann", "a", 3600.0),
    ]
    assert [looks.is_new(*look) for look in seen] == [True, False, True, True, True]
    for number in range(50_000):
        looks.is_new("ann", str(number), 0.0)
    assert len(looks._at_s) <= 20_000


async def test_a_full_disk_hides_no_fire(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = await house.put(make_jpeg())
    await house.checked(sha256)

    async def full(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(house.services.store.audit, "write", full)
        assert (await house.http.get(f"/media/{sha256}")).status_code == 200
    await house.http.get(f"/media/{sha256}")
    assert await house.deeds(sha256) == ["media.seen"], "the next look is recorded"


async def test_what_is_to_be_blurred_in_an_export_cannot_be_made_out(house: House) -> None:
    stripes = np.zeros((200, 300, 3), np.uint8)
    stripes[:, ::10] = stripes[:, 1::10] = stripes[:, 2::10] = 255  # as letters on a plate
    out = io.BytesIO()
    Image.fromarray(stripes).save(out, "JPEG", quality=95)
    sha256 = await house.put(out.getvalue())
    await house.checked(sha256)
    answer = await house.http.post(f"/media/{sha256}/export", json={"blur": [[100.4, 50, 199.6, 90]]})
    assert answer.headers["content-disposition"].startswith("attachment")
    exported = np.asarray(Image.open(io.BytesIO(answer.content)).convert("L"), float)
    assert exported[60:80, 110:190].std() < 25
    assert exported[60:80, 210:290].std() > 80, "and the rest is as it was"
    entry = (await house.services.store.audit.newest(1, wanted=AuditFilter(about=sha256)))[0]
    assert entry.what == "media.exported"
    assert entry.detail == {"blurred": [[100.4, 50.0, 199.6, 90.0]]}


@pytest.mark.parametrize("box", [[64, 0, 80, 10], [10, 10, 10, 20], [20, 20, 10, 10], [-9, 0, 0, 9]])
def test_a_box_beside_the_picture_is_refused_rather_than_left_out(tmp_path: Path, box: list[float]) -> None:
    (tmp_path / "copy").write_bytes(make_jpeg())
    with pytest.raises(OutsideError, match="64 × 48"):
        blurred(tmp_path / "copy", [[0, 0, 9, 9], box])


async def test_the_list_of_pictures_goes_on_where_it_ended(house: House) -> None:
    names = []
    for number in range(5):
        house.now_s += number % 2  # some at the same instant
        names.append(await house.put(make_picture(str(number))))
    seen: list[str] = []
    before: dict[str, str] = {}
    while page := (await house.http.get("/media", params={"limit": "2", **before})).json():
        seen += [entry["sha256"] for entry in page]
        before = {"before": seen[-1]}
    assert sorted(seen) == sorted(names)
    received = [row.received_at_s for row in await house.services.store.media.newest(10)]
    assert received == sorted(received, reverse=True)


async def test_a_row_is_there_only_with_its_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, fsynced, renamed, and the name fsynced, before the row and the answer."""
    import os

    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        rows = sqlite3.connect(house.services.store._database._path).execute("select count(*) from media")
        synced.append(f"{'folder' if os.path.isdir(path) else 'file'} {rows.fetchone()[0]}")

    monkeypatch.setattr(os, "fsync", noted)
    await house.put(make_picture())
    assert synced[0] == "file 0"
    assert set(synced[1:3]) == {"folder 0"}


def test_the_child_answers_a_job_a_line(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "good").write_bytes(make_jpeg())
    (tmp_path / "bad").write_bytes(PALE)
    jobs = [
        {"original": str(tmp_path / name), "copy": str(tmp_path / f"{name}.copy")} for name in ("good", "bad")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "uplink.station.picture_copy"],
        input="".join(json.dumps(job) + "\n" for job in jobs),
        capture_output=True,
        text=True,
        check=True,
    )
    good, bad = [json.loads(line) for line in done.stdout.splitlines()]
    assert good == {}
    assert "cannot be decoded" in bad["flaw"]
    assert Image.open(tmp_path / "good.copy").size == (64, 48)
