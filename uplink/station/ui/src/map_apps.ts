// Where map apps open a place: links that ask nobody until somebody follows one. Pure.

import type { Position } from "./messages.ts";

export interface MapApp {
  readonly id: "geo" | "osm" | "google" | "apple" | "amap";
  readonly href: string;
}

const ZOOM = 17;

/** `shifted` is the same place in GCJ-02, which maps of mainland China are drawn in; null outside. */
export function mapApps(place: Position, shifted: Position | null, name: string): MapApp[] {
  const [lat, lon] = degrees(place);
  const called = encodeURIComponent(name);
  const apps: MapApp[] = [
    { id: "geo", href: geoUri(place) },
    { id: "osm", href: `https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=${ZOOM}/${lat}/${lon}` },
  ];
  // Google's and Apple's maps of China are shifted too.
  const [latThere, lonThere] = degrees(shifted ?? place);
  apps.push(
    { id: "google", href: `https://www.google.com/maps/search/?api=1&query=${latThere},${lonThere}` },
    { id: "apple", href: `https://maps.apple.com/?ll=${latThere},${lonThere}&q=${called}&z=${ZOOM}` },
  );
  if (shifted) {
    const at = degrees(shifted);
    apps.push({ id: "amap", href: `https://uri.amap.com/marker?position=${at[1]},${at[0]}&name=${called}&coordinate=gaode` });
  }
  return apps;
}

/** As in RFC 5870; with the query Android's apps drop a pin. */
export function geoUri(place: Position): string {
  const [lat, lon] = degrees(place);
  return `geo:${lat},${lon}?q=${lat},${lon}`;
}

/** Six digits: about a decimetre. */
function degrees({ lat_deg, lon_deg }: Position): [string, string] {
  return [lat_deg.toFixed(6), lon_deg.toFixed(6)];
}
