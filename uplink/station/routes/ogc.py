"""Alerts, incidents and drones for GIS programs: OGC API – Features, Part 1 (Core), GeoJSON, CRS84."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from uplink.station.feeds.collections import COLLECTIONS, Collection
from uplink.station.feeds.features import Feature, FeatureCollection, Link, LinkedFeature
from uplink.station.feeds.query import DEFAULT_LIMIT, MOST_FEATURES, QueryError, parse_items_query
from uplink.station.routes.dependencies import ServicesDep, as_problems, viewer
from uplink.station.services import Services
from uplink.station.store.features import Reach

_REFUSALS = as_problems(400, 401, 403, 404, 413, 422, 503)
router = APIRouter(prefix="/ogc", tags=["feeds"], dependencies=[Depends(viewer)], responses=_REFUSALS)

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
CONFORMS_TO = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
JSON, GEOJSON = "application/json", "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"


class GeoJSONResponse(JSONResponse):
    media_type = GEOJSON


class OpenAPIResponse(JSONResponse):
    media_type = OPENAPI


class Landing(BaseModel):
    """Where everything is."""

    title: str
    description: str
    links: list[Link]


class Conformance(BaseModel):
    """What of the standard this keeps to."""

    conformsTo: list[str]  # noqa: N815 (the standard's word)


class SpatialExtent(BaseModel):
    """West, south, east and north of everything."""

    bbox: list[list[float]]
    crs: str = CRS84


class TemporalExtent(BaseModel):
    """First and last of everything."""

    interval: list[list[datetime | None]]
    trs: str = GREGORIAN


class Extent(BaseModel):
    """What the features cover; without a part that nobody knows."""

    spatial: SpatialExtent | None = None
    temporal: TemporalExtent | None = None


class CollectionInfo(BaseModel):
    """What a collection is, and where its features are."""

    id: str
    title: str
    description: str
    itemType: str = "feature"  # noqa: N815
    crs: list[str] = Field(default_factory=lambda: [CRS84])
    extent: Extent
    links: list[Link]


class Collections(BaseModel):
    """All collections."""

    links: list[Link]
    collections: list[CollectionInfo]


# Of its own making, since a list in one parameter is what FastAPI does not read.
_ITEMS_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": f"features on one page; more than {MOST_FEATURES} are not given at once",
        "schema": {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
    },
    {
        "name": "bbox",
        "in": "query",
        "required": False,
        "description": "west,south,east,north in degrees, WGS 84; over the antimeridian west is the greater. "
        "With six numbers, the third and the sixth are heights and change nothing",
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "items": {"type": "number"},
            "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
        },
    },
    {
        "name": "datetime",
        "in": "query",
        "required": False,
        "description": "a time as in 2026-07-01T12:00:00Z, or two with a slash between; `..` is an open end",
        "schema": {"type": "string"},
    },
    {
        "name": "after",
        "in": "query",
        "required": False,
        "description": "the last feature of the page before, as in the link to the next",
        "schema": {"type": "string"},
    },
]


@router.get("")
@router.get("/", include_in_schema=False)
async def landing(request: Request) -> Landing:
    """The landing page of OGC API – Features: add this address to QGIS as a layer of that kind."""
    _refuse_parameters(request)
    return Landing(
        title="Emberwatch",
        description="Fires and smoke that drones and cameras have found, and where the drones are.",
        links=[
            _link(request, "ogc", "self", JSON, "this page"),
            _link(request, "ogc/api", "service-desc", OPENAPI, "the interface"),
            _link(request, "ogc/conformance", "conformance", JSON, "what of the standard this keeps to"),
            _link(request, "ogc/collections", "data", JSON, "the collections"),
        ],
    )


@router.get("/api", response_class=OpenAPIResponse)
async def api(request: Request) -> dict[str, Any]:
    """The interface of the station in the media type of OpenAPI."""
    _refuse_parameters(request)
    description: dict[str, Any] = request.app.openapi()
    return description


@router.get("/conformance")
async def conformance(request: Request) -> Conformance:
    """The parts of the standard that this keeps to."""
    _refuse_parameters(request)
    return Conformance(conformsTo=CONFORMS_TO)


@router.get("/collections", response_model_exclude_none=True)
async def collections(request: Request, services: ServicesDep) -> Collections:
    """What there is to be had, and where and when it was."""
    _refuse_parameters(request)
    return Collections(
        links=[_link(request, "ogc/collections", "self", JSON, "this page")],
        collections=[await _info(request, services, each) for each in COLLECTIONS.values()],
    )


@router.get(
    "/collections/{collection_id}",
    response_model_exclude_none=True,
)
async def collection(request: Request, services: ServicesDep, collection_id: str) -> CollectionInfo:
    """One of the collections."""
    _refuse_parameters(request)
    return await _info(request, services, _collection(collection_id))


@router.get(
    "/collections/{collection_id}/items",
    response_class=GeoJSONResponse,
    openapi_extra={"parameters": _ITEMS_PARAMETERS},
)
async def items(request: Request, services: ServicesDep, collection_id: str) -> FeatureCollection:
    """Features by place and time, page by page. Positions are longitude and latitude, WGS 84."""
    chosen = _collection(collection_id)
    try:
        query = parse_items_query(request.query_params.multi_items())
        page = await chosen.items(services, query)
    except QueryError as reason:
        raise HTTPException(400, reason.message) from None
    path = f"ogc/collections/{chosen.id}"
    links = [
        Link(href=str(request.url), rel="self", type=GEOJSON, title="this page"),
        _link(request, path, "collection", JSON, chosen.title),
    ]
    if page.more:
        following = request.url.include_query_params(limit=query.limit, after=page.features[-1].id)
        links.append(Link(href=str(following), rel="next", type=GEOJSON, title="the next page"))
    return FeatureCollection(
        features=page.features,
        links=links,
        timeStamp=services.now(),
        numberReturned=len(page.features),
    )


@router.get(
    "/collections/{collection_id}/items/{feature_id}",
    response_class=GeoJSONResponse,
)
async def item(request: Request, services: ServicesDep, collection_id: str, feature_id: str) -> LinkedFeature:
    """One feature."""
    _refuse_parameters(request)
    chosen = _collection(collection_id)
    feature: Feature | None = await chosen.item(services, feature_id)
    if feature is None:
        raise HTTPException(404, f"there is no {feature_id!r} in {chosen.id}")
    links = [
        Link(href=str(request.url), rel="self", type=GEOJSON, title="this feature"),
        _link(request, f"ogc/collections/{chosen.id}", "collection", JSON, chosen.title),
    ]
    return LinkedFeature(**feature.model_dump(), links=links)


def _collection(collection_id: str) -> Collection:
    found = COLLECTIONS.get(collection_id)
    if found is None:
        raise HTTPException(404, f"there is no collection {collection_id!r}")
    return found


def _refuse_parameters(request: Request) -> None:
    """The standard wants 400 for any that the interface does not name."""
    if request.query_params:
        raise HTTPException(400, f"there is no parameter {next(iter(request.query_params))!r}")


def _link(request: Request, path: str, rel: str, media_type: str, title: str) -> Link:
    return Link(href=f"{request.base_url}{path}", rel=rel, type=media_type, title=title)


async def _info(request: Request, services: Services, chosen: Collection) -> CollectionInfo:
    path = f"ogc/collections/{chosen.id}"
    return CollectionInfo(
        id=chosen.id,
        title=chosen.title,
        description=chosen.description,
        extent=_extent(await chosen.reach(services)),
        links=[
            _link(request, path, "self", JSON, chosen.title),
            _link(request, f"{path}/items", "items", GEOJSON, f"{chosen.title} as features"),
        ],
    )


def _extent(reach: Reach) -> Extent:
    box, interval = reach.box, reach.interval
    return Extent(
        spatial=box and SpatialExtent(bbox=[[box.west, box.south, box.east, box.north]]),
        temporal=interval and TemporalExtent(interval=[[interval.start, interval.end]]),
    )
