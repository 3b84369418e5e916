"""Pictures arrive whole or in pieces; what came before a link broke is not sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from uplink.station.app import create_app

from .makers import KEY, OTHER_KEY, auth, eventually, make_config, make_picture, sha256_of

PICTURE = make_picture(size=10_000)
SHA256 = sha256_of(PICTURE)
PIECES = f"/media/{SHA256}/upload"


async def _append(
    http: httpx.AsyncClient,
    data: bytes,
    offset: int,
    *,
    of: bytes = PICTURE,
    key: str = KEY,
    size: int | None = None,
) -> httpx.Response:
    return await http.patch(
        f"/media/{sha256_of(of)}/upload",
        content=data,
        headers={
            **auth(key),
            "Content-Type": "application/partial-upload",
            "Upload-Offset": str(offset),
            "Upload-Length": str(len(of) if size is None else size),
        },
    )


async def _offset(http: httpx.AsyncClient, *, key: str = KEY, sha256: str = SHA256) -> int | None:
    """How far the picture is; None once it is whole."""
    answer = await http.head(f"/media/{sha256}/upload", headers=auth(key))
    assert answer.status_code == 200
    return None if answer.headers["Upload-Complete"] == "?1" else int(answer.headers["Upload-Offset"])


def _kept(folder: Path, picture: bytes = PICTURE) -> bool:
    path = folder / "station" / "media" / sha256_of(picture)[:2] / f"{sha256_of(picture)}.jpg"
    return path.is_file() and path.read_bytes() == picture


def _parts(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "station" / "uploads").iterdir())


@asynccontextmanager
async def _station(folder: Path, *, now_s: float = 1e9) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(make_config(folder), clock=lambda: now_s)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1/api/v1", transport=httpx.ASGITransport(app)) as http,
    ):
        yield http


async def test_pieces_make_a_picture(station: httpx.AsyncClient, tmp_path: Path) -> None:
    assert await _offset(station) == 0
    answer = await _append(station, PICTURE[:4000], 0)
    assert answer.status_code == 200
    assert answer.json() == {"sha256": SHA256, "offset_bytes": 4000, "size_bytes": 10_004, "complete": False}
    assert await _offset(station) == 4000
    assert not _kept(tmp_path)
    last = await _append(station, PICTURE[4000:], 4000)
    assert last.json()["complete"] is True
    assert _kept(tmp_path)
    assert await _offset(station) is None
    assert _parts(tmp_path) == []


async def test_a_piece_that_comes_again_changes_nothing(station: httpx.AsyncClient, tmp_path: Path) -> None:
    await _append(station, PICTURE[:4000], 0)
    assert (await _append(station, PICTURE[:4000], 0)).json()["offset_bytes"] == 4000
    assert (await _append(station, PICTURE[2000:6000], 2000)).json()["offset_bytes"] == 6000
    await _append(station, PICTURE[6000:], 6000)
    assert _kept(tmp_path)
    again = await _append(station, PICTURE[6000:], 6000)
    assert (again.status_code, again.json()["complete"]) == (200, True)


async def test_a_gap_is_refused_with_the_byte_that_is_wanted(station: httpx.AsyncClient) -> None:
    await _append(station, PICTURE[:4000], 0)
    answer = await _append(station, PICTURE[5000:], 5000)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "4000")
    assert await _offset(station) == 4000


async def test_a_whole_that_is_not_what_it_is_named_is_thrown_away_and_begun_anew(
    station: httpx.AsyncClient, tmp_path: Path
) -> None:
    await _append(station, PICTURE[:3999] + b"?", 0)
    answer = await _append(station, PICTURE[4000:], 4000)
    assert answer.status_code == 422
    assert "does not match its SHA-256" in answer.json()["detail"]
    assert await _offset(station) == 0
    assert _parts(tmp_path) == []
    await _append(station, PICTURE, 0)
    assert _kept(tmp_path)


async def test_what_is_no_jpeg_is_refused_with_its_first_piece(
    station: httpx.AsyncClient, tmp_path: Path
) -> None:
    text = b"no picture at all" * 100
    answer = await _append(station, text[:1000], 0, of=text)
    assert answer.status_code == 415
    assert _parts(tmp_path) == []


async def test_what_is_going_to_be_too_large_is_refused_with_its_first_piece(
    station: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await _append(station, PICTURE[:1000], 0, size=20 * 1024 * 1024)
    assert answer.status_code == 413
    assert _parts(tmp_path) == []


async def test_more_than_was_announced_is_refused(station: httpx.AsyncClient) -> None:
    answer = await _append(station, PICTURE[:2000], 0, size=1000)
    assert answer.status_code == 422
    assert await _offset(station) == 0


async def test_nobody_adds_to_what_another_drone_sends(station: httpx.AsyncClient, tmp_path: Path) -> None:
    await _append(station, PICTURE[:3999] + b"?", 0, key=OTHER_KEY)
    assert await _offset(station) == 0
    await _append(station, PICTURE[:4000], 0)
    await _append(station, PICTURE[4000:], 4000)
    assert _kept(tmp_path)


async def test_without_a_key_nothing_is_taken_and_nothing_told(station: httpx.AsyncClient) -> None:
    await _append(station, PICTURE[:4000], 0)
    assert (await station.head(PIECES)).status_code == 401
    assert (await _append(station, PICTURE[4000:], 4000, key="w" * 32)).status_code == 401
    assert await _offset(station) == 4000


@pytest.mark.parametrize("ends", ["the line breaks", "the line only falls silent"])
async def test_what_came_of_a_request_that_broke_off_is_kept(
    served: httpx.AsyncClient, tmp_path: Path, ends: str
) -> None:
    port = served.base_url.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"PUT /api/v1/media/{SHA256} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: image/jpeg\r\nContent-Length: {len(PICTURE)}\r\n\r\n"
    )
    writer.write(head.encode() + PICTURE[:7000])
    await writer.drain()
    if ends == "the line breaks":
        writer.close()
        await writer.wait_closed()

    async def is_there() -> bool:
        return await _offset(served) == 7000

    await eventually(is_there)
    if ends == "the line only falls silent":
        assert b"408" in await reader.readline(), "who comes again has given up the request before"
        writer.close()
    assert (await _append(served, PICTURE[7000:], 7000)).json()["complete"] is True
    assert _kept(tmp_path)


async def test_a_part_is_gone_on_with_after_the_station_was_started_anew(tmp_path: Path) -> None:
    async with _station(tmp_path) as station:
        await _append(station, PICTURE[:4000], 0)
    async with _station(tmp_path) as station:
        assert await _offset(station) == 4000
        await _append(station, PICTURE[4000:], 4000)
    assert _kept(tmp_path)


async def test_what_a_crash_left_of_parts_is_cleared_away(tmp_path: Path) -> None:
    shorter = make_picture("shorter", size=5000)
    async with _station(tmp_path) as station:
        await _append(station, PICTURE[:4000], 0)
        await _append(station, shorter[:4000], 0, of=shorter)
    uploads = tmp_path / "station" / "uploads"
    (uploads / "ember-1-nobody.part").write_bytes(b"written, and then no row")
    damaged = uploads / f"ember-1-{sha256_of(shorter)}.part"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with (uploads / f"ember-1-{SHA256}.part").open("ab") as longer:
        longer.write(b"written, and then no row")
    async with _station(tmp_path) as station:
        assert _parts(tmp_path) == [f"ember-1-{SHA256}.part"]
        assert await _offset(station, sha256=sha256_of(shorter)) == 0
        assert await _offset(station) == 4000
        await _append(station, PICTURE[4000:], 4000)
    assert _kept(tmp_path)


async def test_of_a_drone_only_the_latest_parts_are_kept_and_none_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uplink.station.store.uploads.MOST_PARTS_OF_A_DRONE", 2)
    monkeypatch.setattr("uplink.station.store.uploads.MOST_PARTS", 3)
    pictures = [make_picture(str(number), size=1000) for number in range(4)]
    async with _station(tmp_path) as station:
        for picture in pictures:
            await _append(station, picture[:500], 0, of=picture)
        latest = [f"ember-1-{sha256_of(picture)}.part" for picture in pictures[-2:]]
        assert _parts(tmp_path) == sorted(latest)
        for picture in pictures[:2]:
            await _append(station, picture[:500], 0, of=picture, key=OTHER_KEY)
        assert len(_parts(tmp_path)) == 3
        assert await _offset(station, sha256=sha256_of(pictures[0])) == 0
    async with _station(tmp_path, now_s=1e9 + 8 * 86_400) as station:
        assert _parts(tmp_path) == []
