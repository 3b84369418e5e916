"""Who may read the feeds: viewers, and programs with a viewer's token."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.uplink.makers import auth, make_config
from tests.uplink.people import cheap_passwords
from uplink.station.app import create_app
from uplink.station.people import Role
from uplink.station.sessions import digest_of, new_secret
from uplink.station.store.beside import StoreBeside

FEEDS = ("/ogc", "/ogc/api", "/ogc/collections", "/ogc/collections/alerts/items", "/cap")


async def test_the_feeds_are_for_who_signed_in_or_has_a_token(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    config = type(config).model_validate(config.model_dump() | {"sign_in": True})
    token = new_secret()
    beside = StoreBeside(config.data_dir)
    try:
        await beside.users.add_token("gis", Role.VIEWER, digest_of(token), by="a test", now_s=0.0)
    finally:
        beside.close()
    with cheap_passwords():
        app = create_app(config)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(base_url="http://127.0.0.1", transport=httpx.ASGITransport(app)) as http,
        ):
            for path in FEEDS:
                assert (await http.get(path)).status_code == 401, path
                assert (await http.get(path, headers=auth("wrong" * 8))).status_code == 401, path
                assert (await http.get(path, headers=auth())).status_code == 401, f"a drone's key: {path}"
                assert (await http.get(path, headers=auth(token))).status_code == 200, path
