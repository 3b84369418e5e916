"""The CAP feed of a running station, from a drone's alert to the message that takes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import httpx
import pytest
import pytest_asyncio
import xmlschema

from tests.uplink.makers import (
    HOME,
    NOON,
    OTHER_DRONE,
    OTHER_KEY,
    as_json,
    auth,
    eventually,
    make_alert,
    make_config,
)
from uplink.messages import Alert
from uplink.station.app import create_app
from uplink.station.feeds import cap_book
from uplink.station.feeds.cap import NAMESPACE
from uplink.station.feeds.config import CapConfig

ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMA = xmlschema.XMLSchema10(Path(__file__).parent / "cap" / "CAP-v1.2.xsd")
PAGE = {"X-Emberwatch-Session": "a" * 16, "If-Match": "*"}


class Clock:
    def __init__(self) -> None:
        self.now_s = (NOON + timedelta(minutes=1)).timestamp()

    def __call__(self) -> float:
        return self.now_s


class Feed:
    """Somebody who reads it, and people who work incidents."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def see(self, alert: Alert, key: str | None = None) -> None:
        headers = auth() if key is None else auth(key)
        answer = await self.http.put(f"/api/v1/alerts/{alert.id}", json=as_json(alert), headers=headers)
        assert answer.status_code == 200, answer.text

    async def entries(self, **query: int) -> list[ET.Element]:
        answer = await self.http.get("/cap", params=query)
        assert answer.headers["content-type"] == "application/atom+xml"
        return ET.fromstring(answer.content).findall(f"{ATOM}entry")

    async def kinds(self) -> list[str]:
        """Of all messages, the oldest first."""
        found = [entry.find(f"{ATOM}category") for entry in await self.entries()]
        return [each.attrib["term"] for each in reversed(found) if each is not None]

    async def told(self, *kinds: str) -> None:
        async def is_so() -> bool:
            return await self.kinds() == list(kinds)

        await eventually(is_so)

    async def newest(self) -> ET.Element:
        return await self.message(0)

    async def message(self, place: int) -> ET.Element:
        """The newest message is at 0; all are valid by the schema."""
        link = (await self.entries())[place].find(f"{ATOM}link")
        assert link is not None
        answer = await self.http.get(link.attrib["href"])
        assert answer.headers["content-type"] == link.attrib["type"] == "application/cap+xml"
        SCHEMA.validate(answer.text)
        return ET.fromstring(answer.content)

    async def incident_ids(self) -> list[UUID]:
        return [UUID(each["id"]) for each in (await self.http.get("/api/v1/incidents")).json()]

    async def act(self, incident_id: UUID, what: str, **body: Any) -> None:
        answer = await self.http.post(f"/api/v1/incidents/{incident_id}/{what}", json=body, headers=PAGE)
        assert answer.status_code == 200, answer.text


@pytest_asyncio.fixture
async def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feed]:
    monkeypatch.setattr(cap_book, "LOOK_EVERY_S", 0.01)
    config = make_config(tmp_path).model_copy(update={"cap": CapConfig(status="Exercise", sender="me")})
    app = create_app(config, clock=Clock())
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://127.0.0.1", transport=httpx.ASGITransport(app)) as http,
    ):
        yield Feed(http)


def text(message: ET.Element, path: str) -> str:
    return message.findtext("/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/"))) or ""


async def test_an_incident_is_alerted_updated_with_what_people_do_and_cancelled(feed: Feed) -> None:
    await feed.see(make_alert())
    await feed.told("Alert")
    first = await feed.newest()
    assert (text(first, "status"), text(first, "info/certainty")) == ("Exercise", "Likely")
    (incident_id,) = await feed.incident_ids()
    assert text(first, "incidents") == str(incident_id)

    await feed.act(incident_id, "steps", step="confirm")
    await feed.told("Alert", "Update")
    second = await feed.newest()
    assert text(second, "info/certainty") == "Observed"
    assert text(second, "references") == f"me,{text(first, 'identifier')},{text(first, 'sent')}"

    await feed.act(incident_id, "steps", step="resolve", reason="it is out")
    await feed.told("Alert", "Update", "Cancel")
    last = await feed.newest()
    assert text(last, "info/responseType") == "AllClear"
    assert text(last, "references").split()[-1].startswith(f"me,{text(second, 'identifier')},")


async def test_revisions_that_change_nothing_for_receivers_are_not_told(feed: Feed) -> None:
    alert = make_alert()
    await feed.see(alert)
    await feed.told("Alert")
    await feed.see(alert.model_copy(update={"revision": 2, "looks": 9, "probability": 0.95}))
    smoke = make_alert(minutes=0.5).model_copy(
        update={"label": "smoke", "position": HOME.model_copy(update={"lat_deg": 10.0})}
    )
    await feed.see(smoke)  # told after the other would have been
    await feed.told("Alert", "Alert")


async def test_an_incident_that_becomes_part_of_another_is_cancelled(feed: Feed) -> None:
    far = make_alert(minutes=0.5).model_copy(update={"position": HOME.model_copy(update={"lat_deg": -35.0})})
    await feed.see(make_alert())
    await feed.see(far)
    await feed.told("Alert", "Alert")
    newer, older = await feed.incident_ids()
    await feed.act(older, "merge", incident_ids=[str(newer)], reason="one fire")

    async def both_told() -> bool:
        return sorted((await feed.kinds())[2:]) == ["Cancel", "Update"]

    await eventually(both_told)
    entries = [await feed.message(number) for number in (0, 1)]
    cancel, update = sorted(entries, key=lambda entry: text(entry, "msgType"))
    assert (text(cancel, "incidents"), text(update, "incidents")) == (str(newer), str(older))


async def test_the_index_goes_on_page_by_page(feed: Feed) -> None:
    for number in range(5):
        place = HOME.model_copy(update={"lat_deg": float(number)})
        await feed.see(make_alert(minutes=number / 10).model_copy(update={"position": place}))
    await feed.told(*["Alert"] * 5)
    seen: list[str] = []
    url = "/cap?limit=2"
    while url:
        page = ET.fromstring((await feed.http.get(url)).content)
        seen += [entry.findtext(f"{ATOM}id") or "" for entry in page.findall(f"{ATOM}entry")]
        following = [each for each in page.findall(f"{ATOM}link") if each.attrib["rel"] == "next"]
        url = following[0].attrib["href"] if following else ""
    assert len(seen) == len(set(seen)) == 5


async def test_a_message_that_was_never_sent_is_not_there(feed: Feed) -> None:
    answer = await feed.http.get(f"/cap/{make_alert().id}/1")
    assert answer.status_code == 404


async def test_a_message_is_never_changed_after_it_was_sent(feed: Feed) -> None:
    await feed.see(make_alert())
    await feed.told("Alert")
    (incident_id,) = await feed.incident_ids()
    before = (await feed.http.get(f"/cap/{incident_id}/1")).content
    other = make_alert(drone_id=OTHER_DRONE, minutes=0.2)
    await feed.see(other, OTHER_KEY)
    await feed.act(incident_id, "steps", step="acknowledge")
    await eventually(lambda: _more(feed))
    assert (await feed.http.get(f"/cap/{incident_id}/1")).content == before


async def _more(feed: Feed) -> bool:
    return len(await feed.kinds()) > 1
