// Every map of the page begins alike: north up, seen from straight above, and nothing of MapLibre's own around it.

import { Map as MapView, setWorkerUrl, type MapOptions, type StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import "maplibre-gl/dist/maplibre-gl.css";

export function openMap(container: HTMLElement, style: StyleSpecification, more: Partial<MapOptions> = {}): MapView {
  setWorkerUrl(workerUrl);
  const view = new MapView({
    container,
    style,
    center: [0, 20],
    zoom: 1.2,
    maxZoom: 21,
    maxPitch: 0,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    attributionControl: false,
    fadeDuration: 0,
    ...more,
  });
  view.touchZoomRotate.disableRotation();
  view.keyboard.disableRotation();
  return view;
}
