// WGS 84 to GCJ-02 and back, as uplink/gcj02.py has it; a test holds the two against each other. Pure.

export interface LatLon {
  lat_deg: number;
  lon_deg: number;
}

const KRASOVSKY_A_M = 6_378_245;
const KRASOVSKY_E2 = 0.006693421622965943;
const LON_DEG = [72.004, 137.8347] as const;
const LAT_DEG = [0.8293, 55.8271] as const;
const STEPS = 6; // of the inverse: each is a thousand times nearer
const RAD = Math.PI / 180;

/** Whether a place lies in the box in which GCJ-02 differs from WGS 84. */
export function inChina({ lat_deg, lon_deg }: LatLon): boolean {
  return lat_deg >= LAT_DEG[0] && lat_deg <= LAT_DEG[1] && lon_deg >= LON_DEG[0] && lon_deg <= LON_DEG[1];
}

/** The same outside China. */
export function toGcj02(place: LatLon): LatLon {
  if (!inChina(place)) return place;
  const shift = shiftAt(place);
  return { lat_deg: place.lat_deg + shift.lat_deg, lon_deg: place.lon_deg + shift.lon_deg };
}

/** The same outside China. */
export function fromGcj02(place: LatLon): LatLon {
  if (!inChina(place)) return place;
  let found = place;
  for (let step = 0; step < STEPS; step++) {
    const shift = shiftAt(found);
    found = { lat_deg: place.lat_deg - shift.lat_deg, lon_deg: place.lon_deg - shift.lon_deg };
  }
  return found;
}

function shiftAt({ lat_deg, lon_deg }: LatLon): LatLon {
  const [x, y] = [lon_deg - 105, lat_deg - 35];
  const short = 20 * sine(6 * x) + 20 * sine(2 * x);
  const root = Math.sqrt(Math.abs(x));
  let north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root;
  north += ((short + 20 * sine(y) + 40 * sine(y / 3) + 160 * sine(y / 12) + 320 * sine(y / 30)) * 2) / 3;
  let east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root;
  east += ((short + 20 * sine(x) + 40 * sine(x / 3) + 150 * sine(x / 12) + 300 * sine(x / 30)) * 2) / 3;
  const w2 = 1 - KRASOVSKY_E2 * Math.sin(lat_deg * RAD) ** 2;
  const meridian_m = (KRASOVSKY_A_M * (1 - KRASOVSKY_E2)) / w2 ** 1.5;
  const vertical_m = KRASOVSKY_A_M / Math.sqrt(w2);
  return { lat_deg: north / meridian_m / RAD, lon_deg: east / (vertical_m * Math.cos(lat_deg * RAD)) / RAD };
}

function sine(halfTurns: number): number {
  return Math.sin(halfTurns * Math.PI);
}
