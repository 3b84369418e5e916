// A finger that stays on a map means what the right button of a mouse does: not every browser says so by itself.

import type { LngLat, Map as MapView, MapTouchEvent } from "maplibre-gl";

const STAYS_MS = 500;
const SHAKES_PX = 8;

export function onLongPress(view: MapView, press: (at: LngLat) => void): void {
  let timer = 0;
  let began = { x: 0, y: 0 };
  const end = (): void => clearTimeout(timer);
  view.on("touchstart", ({ points, lngLat }: MapTouchEvent) => {
    end();
    if (points.length !== 1) return;
    began = { ...points[0]! };
    timer = window.setTimeout(() => press(lngLat), STAYS_MS);
  });
  view.on("touchmove", ({ point }: MapTouchEvent) => {
    if (Math.hypot(point.x - began.x, point.y - began.y) > SHAKES_PX) end();
  });
  for (const over of ["touchend", "touchcancel", "movestart", "remove"] as const) view.on(over, end);
}
