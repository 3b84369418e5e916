// The map.

export const map = {
  tipCircle: "Tip: somewhere in the circle",
  map: "Map",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  showAll: "Show everything",
  patrol: "Patrol",
  aboard: "verified aboard",
  notAboard: "not verified aboard",
  footprint: "Camera sees",
  ellipse: "Error ellipse, to scale",
  noMap: "The map needs WebGL 2",
  noMapHint: "This browser does not offer it. Alerts, photos, positions and telemetry work without.",
  loadingMap: "Loading the map…",
  mapBroken: "The map could not be loaded",
  mapBrokenHint: "Reload the page to try again. Everything else works.",
};
