// Universal Transverse Mercator on WGS 84, by Krüger's series to the fourth order: some micrometres off. Pure.

import type { LatLon } from "./gcj02.ts";

export interface Utm {
  zone: number;
  /** Latitude band, C to X without I and O. */
  band: string;
  east_m: number;
  north_m: number;
}

const A_M = 6_378_137;
const F = 1 / 298.257223563;
const N = F / (2 - F);
const SCALE = 0.9996;
const FALSE_EAST_M = 500_000;
const FALSE_NORTH_M = 10_000_000; // of the south
const RECTIFYING_M = (A_M / (1 + N)) * (1 + N ** 2 / 4 + N ** 4 / 64);
const ALPHA = [
  N / 2 - (2 * N ** 2) / 3 + (5 * N ** 3) / 16 + (41 * N ** 4) / 180,
  (13 * N ** 2) / 48 - (3 * N ** 3) / 5 + (557 * N ** 4) / 1440,
  (61 * N ** 3) / 240 - (103 * N ** 4) / 140,
  (49561 * N ** 4) / 161280,
];
const BETA = [
  N / 2 - (2 * N ** 2) / 3 + (37 * N ** 3) / 96 - N ** 4 / 360,
  N ** 2 / 48 + N ** 3 / 15 - (437 * N ** 4) / 1440,
  (17 * N ** 3) / 480 - (37 * N ** 4) / 840,
  (4397 * N ** 4) / 161280,
];
const E = Math.sqrt(F * (2 - F));
const BANDS = "CDEFGHJKLMNPQRSTUVWX";
const RAD = Math.PI / 180;
const LIMITS_DEG = [-80, 84] as const;

/** Null near the poles, where UTM ends. */
export function toUtm({ lat_deg, lon_deg }: LatLon): Utm | null {
  if (!(lat_deg >= LIMITS_DEG[0] && lat_deg <= LIMITS_DEG[1])) return null;
  const band = BANDS[Math.min(Math.floor((lat_deg + 80) / 8), BANDS.length - 1)] ?? "X";
  const zone = zoneOf(lat_deg, lon_deg, band);
  const lambda = wrapped(lon_deg - middleOf(zone)) * RAD;
  const sin = Math.sin(lat_deg * RAD);
  const t = Math.sinh(Math.atanh(sin) - E * Math.atanh(E * sin));
  const xi = Math.atan2(t, Math.cos(lambda));
  const eta = Math.asinh(Math.sin(lambda) / Math.hypot(t, Math.cos(lambda)));
  let [x, y] = [xi, eta];
  ALPHA.forEach((alpha, i) => {
    const k = 2 * (i + 1);
    x += alpha * Math.sin(k * xi) * Math.cosh(k * eta);
    y += alpha * Math.cos(k * xi) * Math.sinh(k * eta);
  });
  const north_m = SCALE * RECTIFYING_M * x + (lat_deg < 0 ? FALSE_NORTH_M : 0);
  return { zone, band, east_m: FALSE_EAST_M + SCALE * RECTIFYING_M * y, north_m };
}

export function fromUtm({ zone, band, east_m, north_m }: Utm): LatLon {
  const xi = (north_m - (band < "N" ? FALSE_NORTH_M : 0)) / (SCALE * RECTIFYING_M);
  const eta = (east_m - FALSE_EAST_M) / (SCALE * RECTIFYING_M);
  let [x, y] = [xi, eta];
  BETA.forEach((beta, i) => {
    const k = 2 * (i + 1);
    x -= beta * Math.sin(k * xi) * Math.cosh(k * eta);
    y -= beta * Math.cos(k * xi) * Math.sinh(k * eta);
  });
  const tau = Math.sin(x) / Math.hypot(Math.sinh(y), Math.cos(x)); // of the conformal latitude
  let sin = tau / Math.sqrt(1 + tau * tau);
  const psi = Math.asinh(tau);
  for (let step = 0; step < 5; step++) sin = Math.tanh(psi + E * Math.atanh(E * sin));
  return {
    lat_deg: Math.asin(sin) / RAD,
    lon_deg: wrapped(middleOf(zone) + Math.atan2(Math.sinh(y), Math.cos(x)) / RAD),
  };
}

/** With the wider zones of Norway and Svalbard. */
function zoneOf(lat_deg: number, lon_deg: number, band: string): number {
  const lon = wrapped(lon_deg);
  if (band === "V" && lon >= 3 && lon < 12) return 32;
  if (lat_deg >= 72 && lon >= 0 && lon < 42) return lon < 9 ? 31 : lon < 21 ? 33 : lon < 33 ? 35 : 37;
  return Math.min(Math.floor((lon + 180) / 6) + 1, 60);
}

function middleOf(zone: number): number {
  return zone * 6 - 183;
}

function wrapped(lon_deg: number): number {
  return ((((lon_deg + 180) % 360) + 360) % 360) - 180;
}
