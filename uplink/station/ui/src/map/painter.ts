// Brings what is new onto the map, no more often than eyes can follow, and no more than a little in one frame:
// fifty drones that speak twice a second must not keep anybody from panning.

import type { GeoJSONSource, Map as MapView } from "maplibre-gl";
import type { SourceName } from "./style.ts";

/** How long a source rests between two drawings, where it is drawn often. */
const REST_MS: Partial<Record<SourceName, number>> = {
  drones: 200,
  footprints: 400,
  cones: 400,
  freshTrails: 400,
  trails: 10_000,
  traffic: 400,
};
const FRAME_MS = 6; // of our own work in one frame

type Make = () => GeoJSON.GeoJSON;

export class Painter {
  #map: MapView;
  #due = new Map<SourceName, Make>();
  #drawnAt = new Map<SourceName, number>();
  #waiting: { cancel: () => void } | null = null;

  constructor(map: MapView) {
    this.#map = map;
  }

  /** `make` is called when it is drawn, and not if something newer comes before. */
  draw(name: SourceName, make: Make): void {
    this.#due.delete(name);
    this.#due.set(name, make);
    this.#wait(0);
  }

  stop(): void {
    this.#waiting?.cancel();
    this.#waiting = null;
    this.#due.clear();
  }

  #wait(ms: number): void {
    if (this.#waiting) return;
    if (ms > 0) {
      const timer = setTimeout(() => this.#again(), ms);
      this.#waiting = { cancel: () => clearTimeout(timer) };
    } else {
      const frame = requestAnimationFrame(() => this.#paint());
      this.#waiting = { cancel: () => cancelAnimationFrame(frame) };
    }
  }

  #again(): void {
    this.#waiting = null;
    if (this.#due.size > 0) this.#wait(0);
  }

  #paint(): void {
    this.#waiting = null;
    const began = performance.now();
    let next = Infinity;
    for (const [name, make] of [...this.#due]) {
      const rest = (this.#drawnAt.get(name) ?? -Infinity) + (REST_MS[name] ?? 0) - began;
      if (rest > 0) {
        next = Math.min(next, rest);
        continue;
      }
      if (performance.now() - began > FRAME_MS) {
        next = 0;
        break;
      }
      this.#due.delete(name);
      this.#drawnAt.set(name, began);
      void this.#map.getSource<GeoJSONSource>(name)?.setData(make());
    }
    if (next < Infinity) this.#wait(next);
  }
}
