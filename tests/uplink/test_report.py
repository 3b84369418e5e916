"""The printable report: all of it is there, in both languages, and nothing in it is markup but our own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
from pydantic import BaseModel

from uplink.station.report.facts import Facts, gather
from uplink.station.report.map_drawing import draw
from uplink.station.report.report import POLICY, Photo, known_zone, place_of, render
from uplink.station.report.words import WORDS, what_in_words
from uplink.station.store.media import MediaState

from .evidence_makers import photo, rich_alert, station_with_incident
from .incident_makers import seen
from .incident_station import IncidentStation, Json
from .makers import DRONE, sha256_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
OUR_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "section", "div", "footer"),
    *("h1", "h2", "h3", "p", "dl", "dt", "dd", "strong", "span", "br", "figure", "img", "figcaption"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "g", "path", "polyline", "ellipse", "circle", "text", "rect", "line"),
}
VOID = {"meta", "br", "img"}


class Reader(HTMLParser):
    """What a browser would make of it: the elements, their attributes and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fire(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[IncidentStation, Json]]:
    async with station_with_incident(tmp_path_factory.mktemp("report")) as found:
        yield found


async def facts_of(fire: tuple[IncidentStation, Json]) -> Facts:
    station, incident = fire
    return await gather(
        station.services.store,
        UUID(incident["id"]),
        made_at=station.services.now(),
        made_by="Pia",
        station_key="ed25519:abc",
    )


def html_of(facts: Facts, load: Any = lambda picture: Photo(why="gone"), language: Any = "en") -> str:
    return "".join(render(facts, load, language=language, zone=known_zone("Asia/Shanghai")))


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_report_has_the_place_the_people_the_photos_and_where_the_facts_come_from(
    fire: tuple[IncidentStation, Json], language: str
) -> None:
    station, incident = fire
    answer = await station.http.get(
        f"/incidents/{incident['id']}/report", params={"lang": language, "zone": "Asia/Shanghai"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    page = Reader(answer.text)
    text = " ".join(" ".join(page.text).split())
    for said in (
        incident["id"],
        "40.359227, 116.019600",
        "50T MK 16752 68090",
        "40.360550, 116.025853",
        "2026-07-01 20:01:00",
        "12:01:00 UTC",
        "Asia/Shanghai",
        "两台水罐车",
        "Wind turns to the <north> & rises",
        sha256_of(b"the model"),
        sha256_of(photo(10)),
        "copernicus-glo30.tif",
        "siyi-a8",
        WORDS[language]["observed"],  # type: ignore[index]
        what_in_words("incident.dispatched", WORDS[language]),  # type: ignore[index]
    ):
        assert said in text, said
    pictures = [value for name, value in page.attributes if name == "src"]
    assert len(pictures) == 5
    assert all(value.startswith("data:image/jpeg;base64,") for value in pictures)
    assert "the maker's mark" not in answer.text
    assert page.tags <= OUR_TAGS


async def test_the_file_asks_nobody_for_anything_and_allows_no_script(
    fire: tuple[IncidentStation, Json],
) -> None:
    page = Reader(html_of(await facts_of(fire)))
    (policy,) = [value for name, value in page.attributes if name == "content" and "default-src" in value]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("href", "style", "srcset")}


async def test_the_map_is_a_drawing_with_track_ellipse_scale_and_north(
    fire: tuple[IncidentStation, Json],
) -> None:
    html = html_of(await facts_of(fire))
    maps = [ET.fromstring(part) for part in re.findall(r'<svg class="map".*?</svg>', html, re.DOTALL)]
    assert len(maps) == 2
    for one in maps:
        kinds = {shape.get("class") for shape in one.iter()}
        assert {"incident", "alert", "incident fire", "bar", "north", "grid"} <= kinds
    assert {"track", "observer", "sight"} <= {shape.get("class") for shape in maps[0].iter()}
    assert "200 m" in [element.text for element in maps[0].iter("text")]


def spoilt(value: Any) -> Any:
    """The same with every text in it an attack, whatever the models would allow."""
    if isinstance(value, BaseModel):
        fields = {name: spoilt(getattr(value, name)) for name in type(value).model_fields}
        return type(value).model_construct(**fields)
    if isinstance(value, list):
        return [spoilt(one) for one in value]
    return ATTACK if type(value) is str else value


KEYS = ("label", "evidence", "method", "time_source", "kind", "datum", "media_type")  # these choose words


def kept_words(value: Any, original: Any) -> Any:
    """But for what is one of a few words and nothing else."""
    if isinstance(value, BaseModel):
        fields = {
            name: getattr(original, name)
            if name in KEYS and type(getattr(original, name)) is str
            else kept_words(getattr(value, name), getattr(original, name))
            for name in type(value).model_fields
        }
        return type(value).model_construct(**fields)
    if isinstance(value, list):
        return [kept_words(one, other) for one, other in zip(value, original, strict=True)]
    return value


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_whatever_people_drones_and_models_are_called_is_text_and_no_markup(
    fire: tuple[IncidentStation, Json], language: str
) -> None:
    facts = await facts_of(fire)
    incident = facts.incident.model_copy(
        update={
            "units": ["x", "y"],
            "acknowledge": facts.incident.acknowledge.model_copy(update={"level": "district"}),
        }
    )
    bad = replace(
        facts,
        incident=kept_words(spoilt(incident), incident),
        alerts=[kept_words(spoilt(alert), alert) for alert in facts.alerts],
        timeline=[spoilt(line) for line in facts.timeline],
        tracks={ATTACK: next(iter(facts.tracks.values()))},
        pictures=[
            replace(
                one,
                alert=kept_words(spoilt(one.alert), one.alert),
                evidence=kept_words(spoilt(one.evidence), one.evidence),
            )
            for one in facts.pictures
        ],
        made_by=ATTACK,
        station_key=ATTACK,
    )
    html = html_of(bad, language=language)
    page = Reader(html)
    assert page.tags <= OUR_TAGS
    assert not {name for name, _ in page.attributes if name.startswith("on")}
    text = "".join(page.text)
    assert text.count(ATTACK) > 60, "it is there, to be read"
    assert "49" not in re.findall(r"\{\{7\*7\}\}|\b49\b", text)
    assert "<script" not in html


async def test_a_picture_that_is_not_there_says_why(fire: tuple[IncidentStation, Json]) -> None:
    station, incident = fire
    store = station.services.store
    gone, missing = sha256_of(photo(0)), sha256_of(photo(10))
    before = await store.media.get(gone)
    assert before is not None
    assert before.state is MediaState.SHOWN
    aside = store.media.shown(missing).rename(store.media.shown(missing).with_suffix(".aside"))

    def set_state(db: Any, state: str) -> None:
        db.execute("update media set state = ? where sha256 = ?", [state, gone])

    await store._database.run(lambda db: set_state(db, "gone"))
    try:
        html = (await station.http.get(f"/incidents/{incident['id']}/report")).text
    finally:
        await store._database.run(lambda db: set_state(db, "shown"))
        aside.rename(store.media.shown(missing))
    assert "no longer kept" in html
    assert "not at the station (yet)" in html
    assert html.count("data:image/jpeg") == 3


async def test_a_report_is_recorded_and_needs_an_incident_and_a_zone_that_there_are(
    fire: tuple[IncidentStation, Json],
) -> None:
    station, incident = fire
    path = f"/incidents/{incident['id']}/report"
    assert (await station.http.get(path)).status_code == 200
    assert "incident.reported" in await station.deeds()
    for bad in ({"lang": "tlh"}, {"zone": "Atlantis/Poseidonis"}, {"zone": "../../etc/passwd"}):
        assert (await station.http.get(path, params=bad)).status_code == 422, bad
    nobody = "019f0000-0000-7000-8000-000000000000"
    assert (await station.http.get(f"/incidents/{nobody}/report")).status_code == 404


async def test_directions_alone_make_a_report_too(fire: tuple[IncidentStation, Json]) -> None:
    facts = await facts_of(fire)
    rough = [
        facts.alerts[0].model_copy(
            update=dict(seen(0, 0, bearing_deg=80.0, drone_id=DRONE)) | {"evidence": []}
        )
    ]
    nowhere = facts.incident.model_copy(update={"position": None, "ellipse": None, "method": None})
    html = html_of(replace(facts, incident=nowhere, alerts=rough, tracks={}, pictures=[]))
    assert "Only directions are known" in html
    assert 'class="bearing"' in html
    nothing = replace(facts, incident=nowhere, alerts=[rich_alert_without_place(facts)], tracks={})
    assert draw(nothing) == []
    assert "Nothing of it has a place" in html_of(nothing)


def rich_alert_without_place(facts: Facts) -> Any:
    return facts.alerts[0].model_copy(update={"position": None, "observer": None, "ellipse": None})


async def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    gaps = re.compile(r"\{\w+\}")
    assert set(WORDS["en"]) == set(WORDS["zh"])
    for name, word in WORDS["en"].items():
        assert sorted(gaps.findall(word)) == sorted(gaps.findall(WORDS["zh"][name])), name


async def test_a_place_as_maps_and_radios_want_it() -> None:
    alert = rich_alert(0, DRONE, [])
    assert alert.position is not None
    place = place_of(alert.position.model_copy(update={"lat_deg": -35.3632621, "lon_deg": 149.1652374}))
    assert (place.decimal, place.gcj02) == ("-35.363262, 149.165237", "")
    assert place.sexagesimal == "35°21′47.7″S 149°09′54.9″E"
    minute = place_of(alert.position.model_copy(update={"lat_deg": 59.99999999, "lon_deg": 0.0}))
    assert minute.sexagesimal.startswith("60°00′00.0″N"), "no sixtieth minute"
