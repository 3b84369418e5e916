// What flies, as the map draws it. Pure.

import { offset } from "../geo.ts";
import type { CameraView, DroneState, LonLat, Position, TrafficReport } from "../messages.ts";
import type { HeardDrone, World } from "../state.ts";

type Features = GeoJSON.FeatureCollection;

const CONE_M = 250; // where no footprint says how far the camera sees
const STEEP_DEG = -75; // seen from above such a cone is none
const AHEAD_S = 30; // how far another aircraft is drawn on
const RAD = Math.PI / 180;
export const TRAIL_POINTS = 40_000; // of all drones together
/** The newest points of a trail are drawn often, the others rarely. */
export const FRESH_POINTS = 40;

function collect(features: GeoJSON.Feature[]): Features {
  return { type: "FeatureCollection", features };
}

function feature(geometry: GeoJSON.Geometry, properties: Record<string, unknown>): GeoJSON.Feature {
  return { type: "Feature", geometry, properties };
}

/** A point for each drone. `icon` names its picture: how it is, and whether its heading is known. */
export function droneFeatures(drones: readonly HeardDrone[], now: number, staleMs: number, chosen: string | null): Features {
  return collect(
    drones.flatMap(({ state, heardAt }) => {
      if (!state.position) return [];
      const look = now - heardAt > staleMs ? "stale" : state.seeing === "blind" ? "blind" : "sound";
      const shape = state.fixed ? "fixed" : state.heading_deg === null ? "still" : "heading";
      return [
        feature(
          { type: "Point", coordinates: [state.position.lon_deg, state.position.lat_deg] },
          {
            drone: state.drone_id,
            name: state.name || state.drone_id,
            icon: `${shape}-${look}`,
            look,
            heading: state.heading_deg ?? 0,
            chosen: state.drone_id === chosen,
          },
        ),
      ];
    }),
  );
}

export function footprintFeatures(drones: readonly HeardDrone[]): Features {
  return collect(
    drones
      .map(({ state }) => state)
      .filter((state) => state.footprint.length >= 3)
      .map((state) => feature({ type: "Polygon", coordinates: [closed(state.footprint)] }, aboutCamera(state))),
  );
}

/** From where the camera is, as wide as its picture and as far as it sees the ground. */
export function coneFeatures(drones: readonly HeardDrone[]): Features {
  return collect(
    drones.flatMap(({ state }) => {
      const { position, view } = state;
      if (!position || !view || view.elevation_deg < STEEP_DEG) return [];
      const far_m = Math.max(CONE_M, ...state.footprint.map((point) => reach(position, point)));
      return [feature({ type: "Polygon", coordinates: [cone(position, view, far_m)] }, aboutCamera(state))];
    }),
  );
}

function cone(from: Position, { azimuth_deg, hfov_deg }: CameraView, far_m: number): LonLat[] {
  const half = Math.min(hfov_deg, 350) / 2;
  const steps = Math.max(2, Math.ceil(hfov_deg / 6));
  const rim = Array.from({ length: steps + 1 }, (_, i) => {
    const turn = (azimuth_deg - half + (2 * half * i) / steps) * RAD;
    return offset(from, far_m * Math.sin(turn), far_m * Math.cos(turn));
  });
  const apex: LonLat = [from.lon_deg, from.lat_deg];
  return [apex, ...rim, apex];
}

function reach(from: Position, [lon, lat]: LonLat): number {
  const [lon1, lat1] = offset(from, 1, 1);
  return Math.hypot((lon - from.lon_deg) / (lon1 - from.lon_deg), (lat - from.lat_deg) / (lat1 - from.lat_deg));
}

function aboutCamera(state: DroneState): Record<string, unknown> {
  return { drone: state.drone_id, blind: state.seeing === "blind" };
}

/** The older part of each trail, and its newest points with the last of the older ones before them. */
export function trailFeatures(tracks: World["tracks"]): { old: Features; fresh: Features } {
  const share = Math.max(2, Math.floor(TRAIL_POINTS / Math.max(1, Object.keys(tracks).length)));
  const line = (drone: string, points: readonly LonLat[]): GeoJSON.Feature[] =>
    points.length > 1 ? [feature({ type: "LineString", coordinates: points as LonLat[] }, { drone })] : [];
  const trails = Object.entries(tracks).map(([drone, points]) => [drone, points.slice(-share)] as const);
  return {
    old: collect(trails.flatMap(([drone, points]) => line(drone, points.slice(0, 1 - FRESH_POINTS)))),
    fresh: collect(trails.flatMap(([drone, points]) => line(drone, points.slice(-2 * FRESH_POINTS)))),
  };
}

/** Other aircraft: where they are, how they fly on, and where they come closest to which drone. */
export function trafficFeatures(drones: readonly HeardDrone[], words: (report: TrafficReport) => string): Features {
  const nearest = new Map<string, TrafficReport>();
  for (const { state } of drones) {
    for (const report of state.traffic) {
      const known = nearest.get(report.icao);
      if (!known || report.cpa_distance_m < known.cpa_distance_m) nearest.set(report.icao, report);
    }
  }
  return collect(
    [...nearest.values()].flatMap((report) => {
      const at: Position = { lat_deg: report.lat_deg, lon_deg: report.lon_deg, alt_amsl_m: null, datum: "WGS84" };
      const about = { icao: report.icao, text: words(report), heading: report.track_deg ?? 0, icon: report.track_deg === null ? "traffic-still" : "traffic" };
      const point = feature({ type: "Point", coordinates: [report.lon_deg, report.lat_deg] }, about);
      if (report.track_deg === null) return [point];
      const [turn, ahead_m] = [report.track_deg * RAD, report.speed_m_s * Math.max(AHEAD_S, report.cpa_in_s)];
      const ahead = offset(at, ahead_m * Math.sin(turn), ahead_m * Math.cos(turn));
      const closest_m = report.speed_m_s * report.cpa_in_s;
      const closest = offset(at, closest_m * Math.sin(turn), closest_m * Math.cos(turn));
      return [
        feature({ type: "LineString", coordinates: [[report.lon_deg, report.lat_deg], ahead] }, about),
        feature({ type: "Point", coordinates: closest }, { icao: report.icao, icon: "closest", text: "", heading: 0 }),
        point,
      ];
    }),
  );
}

function closed(ring: readonly LonLat[]): LonLat[] {
  const [first, last] = [ring[0], ring.at(-1)];
  const isClosed = first && last && first[0] === last[0] && first[1] === last[1];
  return isClosed || !first ? [...ring] : [...ring, first];
}
