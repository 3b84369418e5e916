// From what the page knows to what the map draws. Pure.

import { circleRing, ellipseRing, offset, sightLine } from "../geo.ts";
import type { Alert, LonLat, PatrolRoute, Position } from "../messages.ts";
import type { World } from "../state.ts";
import type { CrossedAlerts, Incident, Tip } from "../station.ts";

type Features = GeoJSON.FeatureCollection;

/** How far a line of sight is drawn where no distance is known. */
const SIGHT_LENGTH_M = 2000;

function collect(features: GeoJSON.Feature[]): Features {
  return { type: "FeatureCollection", features };
}

function feature(geometry: GeoJSON.Geometry, properties: Record<string, unknown>): GeoJSON.Feature {
  return { type: "Feature", geometry, properties };
}

export function patrolFeatures(patrols: readonly PatrolRoute[]): Features {
  return collect(
    patrols.flatMap(({ route, aboard }) => [
      feature({ type: "LineString", coordinates: route }, { aboard }),
      feature({ type: "MultiPoint", coordinates: route }, { aboard }),
    ]),
  );
}

/** Error ellipses of places that several lines of sight point at; a click selects the first of their alerts. */
export function crossingFeatures(crossings: readonly CrossedAlerts[], selected: string | null): Features {
  return collect(
    crossings.map(({ alert_ids, label, position, ellipse, ambiguous }) =>
      feature(
        { type: "Polygon", coordinates: [ellipseRing(position, ellipse)] },
        { id: alert_ids[0], label, active: !ambiguous, selected: selected !== null && alert_ids.includes(selected) },
      ),
    ),
  );
}

/** The circles that somebody asks to be looked at. */
export function tipFeatures(tips: readonly Tip[], selected: string | null): Features {
  return collect(
    tips.map(({ id, place, radius_m, state }) =>
      feature(
        { type: "Polygon", coordinates: [circleRing(place, radius_m)] },
        { id, waits: state === "open", selected: id === selected },
      ),
    ),
  );
}

export function tipExtent(tip: Tip): LonLat[] {
  return circleRing(tip.place, tip.radius_m);
}

/** Its error ellipse, or its line of sight where it has no place. */
export function alertGeometry(alert: Alert): GeoJSON.Geometry | null {
  if (alert.position && alert.ellipse) {
    return { type: "Polygon", coordinates: [ellipseRing(alert.position, alert.ellipse)] };
  }
  if (!alert.position && alert.observer && alert.bearing_deg !== null) {
    return { type: "LineString", coordinates: sightLine(alert.observer, alert.bearing_deg, SIGHT_LENGTH_M) };
  }
  return null;
}

/** What has to be in view for an alert to be seen with its error. */
export function alertExtent(alert: Alert): LonLat[] {
  const geometry = alertGeometry(alert);
  if (geometry?.type === "Polygon") return geometry.coordinates[0] as LonLat[];
  if (geometry?.type === "LineString") return geometry.coordinates as LonLat[];
  return alert.position ? around(alert.position, 20) : [];
}

/** Everything worth showing when the page opens; a line of sight has no end to show. */
export function worldExtent(world: World): LonLat[] {
  const drones = Object.values(world.drones).flatMap(({ state }) => (state.position ? around(state.position, 150) : []));
  const routes = Object.values(world.patrols).flatMap((patrol) => patrol.route);
  const incidents = Object.values(world.incidents);
  return [...drones, ...routes, ...incidents.flatMap(incidentRing), ...Object.values(world.tips).flatMap(tipExtent)];
}

function incidentRing({ position, ellipse }: Incident): LonLat[] {
  return position && ellipse ? ellipseRing(position, ellipse) : [];
}

function around(position: Position, reach_m: number): LonLat[] {
  return [offset(position, -reach_m, -reach_m), offset(position, reach_m, reach_m)];
}
