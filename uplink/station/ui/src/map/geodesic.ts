// Distances, bearings and areas on the ellipsoid. Pure.

import { offset } from "../geo.ts";
import type { LonLat, Position } from "../messages.ts";

export interface Leg {
  distance_m: number;
  /** Where it sets out to, clockwise from true north. */
  bearing_deg: number;
}

const A_M = 6_378_137;
const F = 1 / 298.257223563;
const B_M = A_M * (1 - F);
const RAD = Math.PI / 180;

/** Vincenty's inverse: to a millimetre. Null for places almost opposite each other on the earth. */
export function leg([lon1, lat1]: LonLat, [lon2, lat2]: LonLat): Leg | null {
  if (lon1 === lon2 && lat1 === lat2) return { distance_m: 0, bearing_deg: 0 };
  const [u1, u2] = [Math.atan((1 - F) * Math.tan(lat1 * RAD)), Math.atan((1 - F) * Math.tan(lat2 * RAD))];
  const [sinU1, cosU1, sinU2, cosU2] = [Math.sin(u1), Math.cos(u1), Math.sin(u2), Math.cos(u2)];
  const apart = ((((lon2 - lon1 + 180) % 360) + 360) % 360 - 180) * RAD;
  let lambda = apart;
  for (let step = 0; step < 200; step++) {
    const [sin, cos] = [Math.sin(lambda), Math.cos(lambda)];
    const sinSigma = Math.hypot(cosU2 * sin, cosU1 * sinU2 - sinU1 * cosU2 * cos);
    if (sinSigma === 0) return { distance_m: 0, bearing_deg: 0 };
    const cosSigma = sinU1 * sinU2 + cosU1 * cosU2 * cos;
    const sigma = Math.atan2(sinSigma, cosSigma);
    const sinAlpha = (cosU1 * cosU2 * sin) / sinSigma;
    const cos2Alpha = 1 - sinAlpha ** 2;
    const cos2M = cos2Alpha === 0 ? 0 : cosSigma - (2 * sinU1 * sinU2) / cos2Alpha;
    const c = (F / 16) * cos2Alpha * (4 + F * (4 - 3 * cos2Alpha));
    const next = apart + (1 - c) * F * sinAlpha * (sigma + c * sinSigma * (cos2M + c * cosSigma * (2 * cos2M ** 2 - 1)));
    if (Math.abs(next - lambda) < 1e-12) {
      const k2 = (cos2Alpha * (A_M ** 2 - B_M ** 2)) / B_M ** 2;
      const a = 1 + (k2 / 16384) * (4096 + k2 * (-768 + k2 * (320 - 175 * k2)));
      const b = (k2 / 1024) * (256 + k2 * (-128 + k2 * (74 - 47 * k2)));
      const inner = cosSigma * (2 * cos2M ** 2 - 1) - (b / 6) * cos2M * (4 * sinSigma ** 2 - 3) * (4 * cos2M ** 2 - 3);
      const distance_m = B_M * a * (sigma - b * sinSigma * (cos2M + (b / 4) * inner));
      const bearing = Math.atan2(cosU2 * sin, cosU1 * sinU2 - sinU1 * cosU2 * cos) / RAD;
      return { distance_m, bearing_deg: (bearing + 360) % 360 };
    }
    lambda = next;
  }
  return null;
}

/** Of a ring that need not be closed. On a plane at its middle: of a ring ten kilometres across right to a
 *  part in two thousand. */
export function area_m2(ring: readonly LonLat[]): number {
  if (ring.length < 3) return 0;
  const middle: Position = {
    lon_deg: ring.reduce((sum, [lon]) => sum + lon, 0) / ring.length,
    lat_deg: ring.reduce((sum, [, lat]) => sum + lat, 0) / ring.length,
    alt_amsl_m: null,
    datum: "WGS84",
  };
  const [lon1, lat1] = offset(middle, 1, 1);
  const points = ring.map(([lon, lat]): [number, number] => [
    // A parallel is shorter towards the pole: what lies there counts with its own length.
    ((lon - middle.lon_deg) / (lon1 - middle.lon_deg)) * (Math.cos(lat * RAD) / Math.cos(middle.lat_deg * RAD)),
    (lat - middle.lat_deg) / (lat1 - middle.lat_deg),
  ]);
  let twice = 0;
  points.forEach(([x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length] as [number, number];
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}
