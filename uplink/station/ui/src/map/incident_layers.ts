// How incidents look on the map: drawn by the graphics card, so that five hundred of them are as fast as five. What
// lies close together is one sign with its number until the map is nearer. Pure.

import type { ExpressionSpecification, GeoJSONSourceSpecification, LayerSpecification } from "maplibre-gl";
import type { Palette } from "./palette.ts";

export const INCIDENTS = "incidents" as const;
export const INCIDENT_CHOSEN = "incidentChosen" as const;
export const INCIDENT_CLUSTERS = "incident-clusters";
/** What a press on selects or opens. */
export const INCIDENT_SIGNS = [INCIDENT_CLUSTERS, "incident-signs", "incident-chosen"];

const CLUSTER_PX = 34;
const CLUSTER_BELOW_ZOOM = 16;

const many = (mark: string): ExpressionSpecification => ["+", ["case", ["==", ["get", "mark"], mark], 1, 0]];

export const CLUSTERED: Partial<GeoJSONSourceSpecification> = {
  cluster: true,
  clusterRadius: CLUSTER_PX,
  clusterMaxZoom: CLUSTER_BELOW_ZOOM,
  clusterProperties: { late: many("late"), fresh: many("new") },
};

export function incidentLayers(colours: Palette): LayerSpecification[] {
  const some = (name: string): ExpressionSpecification => [">", ["get", name], 0];
  const worst: ExpressionSpecification = ["case", some("late"), colours.bad, some("fresh"), colours.fire, colours.gone];
  const isCluster: ExpressionSpecification = ["has", "point_count"];
  const calls: ExpressionSpecification = ["case", ["any", some("late"), some("fresh")], "!", ""];
  return [
    {
      id: INCIDENT_CLUSTERS,
      type: "circle",
      source: INCIDENTS,
      filter: isCluster,
      paint: {
        "circle-radius": ["step", ["get", "point_count"], 18, 10, 22, 100, 27],
        "circle-color": colours.halo,
        "circle-stroke-color": worst,
        "circle-stroke-width": 3,
      },
    },
    {
      id: "incident-counts",
      type: "symbol",
      source: INCIDENTS,
      filter: isCluster,
      layout: {
        "text-field": ["concat", ["get", "point_count_abbreviated"], calls],
        "text-size": 15,
        "text-allow-overlap": true,
      },
      paint: { "text-color": worst },
    },
    {
      id: "incident-signs",
      type: "symbol",
      source: INCIDENTS,
      filter: ["!", isCluster],
      layout: {
        "icon-image": ["get", "icon"],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["match", ["get", "mark"], "late", 5, "new", 4, "acknowledged", 3, "dispatched", 2, 1],
      },
    },
    {
      id: "incident-chosen-ring",
      type: "circle",
      source: INCIDENT_CHOSEN,
      paint: {
        "circle-radius": 25,
        "circle-color": "transparent",
        "circle-stroke-color": colours.text,
        "circle-stroke-width": 3,
      },
    },
    {
      id: "incident-chosen",
      type: "symbol",
      source: INCIDENT_CHOSEN,
      layout: {
        "icon-image": ["get", "icon"],
        "icon-size": 1.15,
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
      },
    },
  ];
}
