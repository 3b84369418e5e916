// Incidents as the map draws them: a point with a sign, an ellipse to scale, lines of sight where there is no place. Pure.

import { ellipseRing, lonLat } from "../geo.ts";
import type { LonLat } from "../messages.ts";
import { isLate, isOpen } from "../queue/urgency.ts";
import type { World } from "../state.ts";
import type { Incident, StoredAlert } from "../station.ts";
import { alertExtent, alertGeometry } from "./features.ts";

type Features = GeoJSON.FeatureCollection;

/** What its sign says beside its class, without colour. */
export const MARKS = ["late", "new", "acknowledged", "dispatched", "lost", "closed"] as const;
export type Mark = (typeof MARKS)[number];

/** Only what is open, and what is selected. */
export function drawn(incidents: World["incidents"], selected: string | null): Incident[] {
  return Object.values(incidents).filter((one) => isOpen(one) || isSelected(one, selected));
}

export function isSelected(incident: Incident, selected: string | null): boolean {
  return selected !== null && (incident.id === selected || incident.alert_ids.includes(selected));
}

export function markOf(incident: Incident, now: number): Mark {
  if (!isOpen(incident)) return "closed";
  if (incident.evidence === "withdrawn") return "lost";
  if (isLate(incident, now)) return "late";
  if (incident.state === "new") return "new";
  return incident.state === "dispatched" ? "dispatched" : "acknowledged";
}

export function iconOf(incident: Incident, now: number): string {
  return iconName(incident.label, markOf(incident, now));
}

export function iconName(label: Incident["label"], mark: Mark): string {
  return `incident-${label}-${mark}`;
}

/** One point for each; the selected one is drawn apart, so that it is never lost in a cluster. */
export function pointFeatures(incidents: readonly Incident[], selected: string | null, now: number): Features {
  return collect(
    incidents
      .filter((one) => !isSelected(one, selected))
      .flatMap((one) => (one.position ? [point(one, one.position, now)] : [])),
  );
}

export function selectedFeatures(incidents: readonly Incident[], selected: string | null, now: number): Features {
  return collect(
    incidents
      .filter((one) => isSelected(one, selected))
      .flatMap((one) => (one.position ? [point(one, one.position, now)] : [])),
  );
}

function point(incident: Incident, position: NonNullable<Incident["position"]>, now: number): GeoJSON.Feature {
  const mark = markOf(incident, now);
  return {
    type: "Feature",
    geometry: { type: "Point", coordinates: lonLat(position) },
    properties: { id: incident.id, icon: iconName(incident.label, mark), mark, label: incident.label },
  };
}

/** Error ellipses; lines of sight of what has no place; of the selected one the places of each of its alerts. */
export function areaFeatures(incidents: readonly Incident[], alerts: World["alerts"], selected: string | null): Features {
  return collect(
    incidents.flatMap((incident) => {
      const chosen = isSelected(incident, selected);
      const said = { id: incident.id, label: incident.label, active: incident.evidence === "seen" && isOpen(incident) };
      const members = incident.alert_ids.flatMap((id) => alerts[id] ?? []);
      const { position, ellipse } = incident;
      const own: GeoJSON.Geometry[] =
        position && ellipse ? [{ type: "Polygon", coordinates: [ellipseRing(position, ellipse)] }] : sights(members);
      const parts = chosen && members.length > 1 ? members.flatMap((alert) => alertGeometry(alert) ?? []) : [];
      return [
        ...own.map((geometry) => feature(geometry, { ...said, selected: chosen, part: false })),
        ...parts.map((geometry) => feature(geometry, { ...said, selected: false, part: true })),
      ];
    }),
  );
}

function sights(members: readonly StoredAlert[]): GeoJSON.Geometry[] {
  return members.flatMap((alert) => alertGeometry(alert) ?? []);
}

/** What has to be in view for an incident to be seen with its error. */
export function incidentExtent(incident: Incident, alerts: World["alerts"]): LonLat[] {
  if (incident.position && incident.ellipse) return ellipseRing(incident.position, incident.ellipse);
  const members = incident.alert_ids.flatMap((id) => alerts[id] ?? []);
  return members.flatMap(alertExtent);
}

function collect(features: GeoJSON.Feature[]): Features {
  return { type: "FeatureCollection", features };
}

function feature(geometry: GeoJSON.Geometry, properties: Record<string, unknown>): GeoJSON.Feature {
  return { type: "Feature", geometry, properties };
}
