"""The page's TypeScript says the same words as the Python models: names, what may be null, allowed words."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from flight.plans import patrol_file
from uplink import ground, messages
from uplink.live_view import words as view_words
from uplink.station import (
    access_answers,
    answers,
    backup_answers,
    crew_answers,
    incident,
    incident_answers,
    retention_answers,
    tip_answers,
)
from uplink.station import patrol_answers as patrols
from uplink.station import zone as zones
from uplink.station.basemap import answers as map_answers
from uplink.station.history import flight_answers
from uplink.station.routes.system import SystemState
from uplink.station.webhooks import answers as webhook_answers

SOURCES = Path(__file__).parents[2] / "uplink/station/ui/src"
FILES = (
    "messages.ts",
    "station.ts",
    "map/map_files.ts",
    "crew/view.ts",
    "queue/wire.ts",
    "live_view/wire.ts",
    "patrols/answers.ts",
    "admin/answers.ts",
    "history/flights.ts",
)
TYPESCRIPT = "\n".join((SOURCES / name).read_text() for name in FILES)
INTERFACE = re.compile(r"export interface (\w+)(?: extends (\w+))? \{(.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^ {2}(\w+)(\??): (.+);$", re.MULTILINE)
ALIASES = dict(re.findall(r"^export type (\w+) = ([^;{]*);$", TYPESCRIPT, re.MULTILINE))

MODELS: list[type[BaseModel]] = [
    messages.Position,
    messages.ErrorEllipse,
    messages.GroundWindow,
    messages.Evidence,
    messages.PoseProvenance,
    messages.TerrainProvenance,
    messages.Alert,
    messages.AgentHealth,
    messages.DegradedReason,
    messages.PatrolRef,
    patrol_file.CircleZone,
    patrol_file.CorridorSection,
    patrol_file.RepeatSection,
    patrol_file.PatrolFile,
    patrols.PatrolDraft,
    patrols.ProfilePoint,
    patrols.PlannedFlight,
    patrols.PatrolProblem,
    patrols.PlannedPatrol,
    patrols.PatrolPreview,
    patrols.StoredPatrol,
    patrols.PatrolSummary,
    patrols.ImportedPatrol,
    patrols.CameraChoice,
    messages.Order,
    messages.OrderResult,
    messages.PatrolProgress,
    messages.ResponseState,
    messages.SentState,
    messages.BatteryHealth,
    messages.GpsHealth,
    messages.RadioHealth,
    messages.TrafficReport,
    messages.PreflightLine,
    messages.LinkHealth,
    messages.OutboxHealth,
    messages.SuppressedHotspot,
    messages.DroneState,
    messages.PatrolRoute,
    messages.CameraView,
    messages.Wind,
    ground.FenceZone,
    ground.IgnoreZone,
    ground.DroneGround,
    ground.SearchedGround,
    map_answers.MapFile,
    map_answers.MapTerrain,
    map_answers.BrokenMapFile,
    map_answers.MapFiles,
    answers.StoredAlert,
    answers.CrossedAlerts,
    answers.Crossed,
    answers.Delivery,
    webhook_answers.WebhookState,
    answers.LoggedOrder,
    tip_answers.TipLook,
    tip_answers.TipNear,
    tip_answers.Tip,
    answers.LeaseState,
    access_answers.SessionState,
    answers.Snapshot,
    incident.IncidentPhoto,
    incident.Incident,
    incident.Target,
    answers.TrackPoint,
    flight_answers.FlightGap,
    flight_answers.ClockLeap,
    flight_answers.FlightRecord,
    flight_answers.RaisedAlert,
    flight_answers.FlightDetail,
    flight_answers.FlightPoint,
    flight_answers.FlightTrack,
    view_words.ViewBox,
    view_words.ViewMark,
    view_words.ViewLine,
    view_words.ViewFrame,
    view_words.ViewPick,
    view_words.PickedPlace,
    view_words.ViewAsked,
    view_words.ViewState,
    view_words.ViewSaid,
    crew_answers.CrewView,
    zones.StationZone,
    zones.ZoneVersion,
    zones.ImportRefusal,
    zones.ZonesImported,
    access_answers.UserState,
    access_answers.UserSession,
    access_answers.ResetPassword,
    access_answers.TokenState,
    access_answers.MadeToken,
    access_answers.DroneKeyState,
    access_answers.MadeKey,
    retention_answers.RetentionPolicy,
    retention_answers.RetentionState,
    retention_answers.Leaving,
    retention_answers.DiskUse,
    backup_answers.BackupRecord,
    backup_answers.BackupProgress,
    backup_answers.BackupsState,
    answers.AuditEntry,
    answers.AuditCheck,
    answers.Health,
    webhook_answers.DeliveryAttempt,
    webhook_answers.Replayed,
    SystemState,
    crew_answers.MadeCrewLink,
    incident_answers.IncidentDetail,
    incident_answers.Timeline,
    incident_answers.TimelineEntry,
    incident_answers.SuppressedItem,
]


def interface(name: str) -> dict[str, str]:
    """Field by field, the type that the page gives it."""
    for found, parent, body in INTERFACE.findall(TYPESCRIPT):
        if found == name:
            inherited = interface(parent) if parent else {}
            return inherited | {field: kind for field, _, kind in FIELD.findall(body)}
    raise AssertionError(f"the page has no interface {name}")


def words_of(annotation: Any) -> set[str]:
    """The words that a Literal or an enum allows, anywhere in an annotation."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return {member.value for member in annotation}
    return set().union(*(words_of(part) for part in get_args(annotation)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_page_knows_every_field_and_no_other(model: type[BaseModel]) -> None:
    assert set(interface(model.__name__)) == set(model.model_fields)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_page_expects_null_where_it_may_come(model: type[BaseModel]) -> None:
    kinds = interface(model.__name__)
    nullable = {
        name for name, field in model.model_fields.items() if type(None) in get_args(field.annotation)
    }
    assert {name for name, kind in kinds.items() if kind.endswith("| null")} == nullable


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_page_knows_every_word_that_a_field_may_say(model: type[BaseModel]) -> None:
    for name, kind in interface(model.__name__).items():
        said = words_of(model.model_fields[name].annotation)
        assert set(re.findall(r'"([^"]+)"', ALIASES.get(kind.removesuffix(" | null"), kind))) == said, name
