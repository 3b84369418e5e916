"""What a station's configuration may say of incidents."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from uplink.station.incident_rules import IncidentRules, Level


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IncidentsConfig(_Section):
    """How long people may take with an incident, and when a closed one is over for good."""

    acknowledge_s: float = Field(
        default=180.0, gt=0, le=86_400, description="until somebody has seen it, from when the station knew"
    )
    dispatch_s: float = Field(
        default=900.0, gt=0, le=86_400, description="until somebody is on the way, from when the station knew"
    )
    reburn_s: float = Field(
        default=1800.0,
        ge=0,
        le=604_800,
        description="a fire confirmed in the same place later than this after the incident was closed is a "
        "new incident",
    )


class EscalationConfig(_Section):
    """Who is told when people are late with an incident; the lowest first. Without any: team at once,
    district after 5 minutes, city after 15."""

    name: str = Field(
        pattern=r"^[^\s].{0,63}$", description="as in team, district, city; webhooks can choose by it"
    )
    after_s: float = Field(ge=0, le=604_800, description="after the target was missed")


def rules_of(incidents: IncidentsConfig, escalation: Sequence[EscalationConfig]) -> IncidentRules:
    """As the incidents themselves know them."""
    levels = tuple(Level(one.name, one.after_s) for one in escalation) or IncidentRules().levels
    return IncidentRules(incidents.acknowledge_s, incidents.dispatch_s, incidents.reburn_s, levels)
