// What lies below drones and fires: the world's outline, hills, and the map files of the station. Pure.

import type { ExpressionSpecification, FilterSpecification, LayerSpecification, SourceSpecification } from "maplibre-gl";
import type { MapFile, MapTerrain } from "./map_files.ts";
import type { Palette } from "./palette.ts";

export const WORLD = "world";
export const HEIGHTS = "heights";
export const OPEN_HEIGHTS = "heights-open";
/** Base layers lie below this one. */
export const FIRST_OF_OURS = "grid-minor";

/** The outline is for the globe and a country; nearer by, its coasts would be wrong by kilometres. */
const OUTLINE_ENDS = 7;
/** Beyond its finest zoom a file is drawn on, larger. */
const NO_GROUND_M = -9000;

type Zoomed = ExpressionSpecification;

function byZoom(...stops: [zoom: number, value: number | string][]): Zoomed {
  return ["interpolate", ["linear"], ["zoom"], ...stops.flat()] as Zoomed;
}

export function worldLayers(colours: Palette): LayerSpecification[] {
  const fades = byZoom([OUTLINE_ENDS - 2, 1], [OUTLINE_ENDS, 0]);
  const kind = (name: string): FilterSpecification => ["==", ["get", "kind"], name];
  return [
    {
      id: "ground",
      type: "background",
      paint: { "background-color": byZoom([OUTLINE_ENDS - 2, colours.sea], [OUTLINE_ENDS, colours.land]) },
    },
    {
      id: "world-land",
      type: "fill",
      source: WORLD,
      filter: kind("land"),
      maxzoom: OUTLINE_ENDS,
      paint: { "fill-color": colours.land, "fill-opacity": fades },
    },
    {
      id: "world-lakes",
      type: "fill",
      source: WORLD,
      filter: kind("lake"),
      maxzoom: OUTLINE_ENDS,
      paint: { "fill-color": colours.water, "fill-opacity": fades },
    },
    {
      id: "world-coast",
      type: "line",
      source: WORLD,
      filter: kind("land"),
      maxzoom: OUTLINE_ENDS,
      paint: { "line-color": colours.border, "line-width": 0.8, "line-opacity": fades },
    },
    {
      id: "world-borders",
      type: "line",
      source: WORLD,
      filter: kind("border"),
      maxzoom: OUTLINE_ENDS,
      paint: { "line-color": colours.border, "line-width": 1, "line-dasharray": [3, 2], "line-opacity": fades },
    },
  ];
}

export function terrainSource(terrain: MapTerrain, address: string, open: boolean): SourceSpecification {
  return {
    type: "raster-dem",
    encoding: "terrarium",
    tileSize: 256,
    tiles: [`${address}heights/{z}/{x}/{y}?open_edge=${open}&v=${terrain.version}`],
    bounds: boundsOf(terrain),
    minzoom: terrain.min_zoom,
    maxzoom: terrain.max_zoom,
  };
}

export function hillLayer(colours: Palette): LayerSpecification {
  return {
    id: "hills",
    type: "hillshade",
    source: HEIGHTS,
    paint: {
      "hillshade-shadow-color": colours.shadow,
      "hillshade-highlight-color": colours.highlight,
      "hillshade-accent-color": colours.shadow,
      "hillshade-exaggeration": colours.hills,
    },
  };
}

/** A tint for the height of the ground; nothing where there is none. */
export function tintLayer(colours: Palette, { lowest_m, highest_m }: MapTerrain, opacity: number): LayerSpecification {
  const span = Math.max(highest_m - lowest_m, 1);
  const steps = colours.heights.flatMap((colour, i) => [lowest_m + (span * i) / (colours.heights.length - 1), colour]);
  return {
    id: "tint",
    type: "color-relief",
    source: OPEN_HEIGHTS,
    paint: {
      "color-relief-opacity": opacity,
      "color-relief-color": [
        "interpolate",
        ["linear"],
        ["elevation"],
        NO_GROUND_M,
        "rgba(0,0,0,0)",
        lowest_m - span - 1,
        "rgba(0,0,0,0)",
        ...steps,
      ] as ExpressionSpecification,
    },
  };
}

export function sourceId(file: MapFile): string {
  return `file:${file.name}`;
}

/** `address` is of the station's map routes, with a slash at its end. */
export function fileSource(file: MapFile, address: string): SourceSpecification {
  const name = encodeURIComponent(file.name);
  const zooms = { minzoom: file.min_zoom, maxzoom: file.max_zoom };
  if (file.kind === "pmtiles") {
    const tiles = [`pmtiles://${address}files/${name}?v=${file.version}/{z}/{x}/{y}`];
    return file.tiles === "raster"
      ? { type: "raster", tiles, tileSize: 256, bounds: boundsOf(file), ...zooms }
      : { type: "vector", tiles, bounds: boundsOf(file), ...zooms };
  }
  const tiles = [`${address}tiles/${name}/{z}/{x}/{y}?v=${file.version}`];
  return file.tiles === "raster"
    ? { type: "raster", tiles, tileSize: 256, bounds: boundsOf(file), ...zooms }
    : { type: "vector", tiles, bounds: boundsOf(file), ...zooms };
}

function boundsOf(box: { west_deg: number; south_deg: number; east_deg: number; north_deg: number }): [number, number, number, number] {
  return [box.west_deg, box.south_deg, box.east_deg, box.north_deg];
}

export function fileLayers(file: MapFile, colours: Palette, opacity: number): LayerSpecification[] {
  const source = sourceId(file);
  if (file.tiles === "raster") {
    return [
      { id: `${source}/picture`, type: "raster", source, paint: { "raster-opacity": opacity, "raster-fade-duration": 0 } },
    ];
  }
  const known = new Set(file.layers);
  const drawn = vectorLayers(colours).filter((layer) => known.has(layer["source-layer"]));
  const layers = drawn.length > 0 ? drawn : file.layers.flatMap((name) => anyLayer(name, colours));
  return layers.map((layer) => faded({ ...layer, id: `${source}/${layer.id}`, source }, opacity));
}

type Drawn = Extract<LayerSpecification, { type: "fill" | "line" | "symbol" }> & { "source-layer": string };

/** Whatever it is: its lines and edges. */
function anyLayer(name: string, colours: Palette): Drawn[] {
  return [
    {
      id: `${name}-line`,
      type: "line",
      source: "",
      "source-layer": name,
      paint: { "line-color": colours.dim, "line-width": 1, "line-opacity": 0.8 },
    },
  ];
}

/** OpenMapTiles (`class`) and Protomaps' basemap (`kind`, before `pmap:kind`) say the same by other names. */
function vectorLayers(colours: Palette): Drawn[] {
  const area = (id: string, layer: string, kinds: string[] | null, colour: string, opacity = 1): Drawn => ({
    id,
    type: "fill",
    source: "",
    "source-layer": layer,
    filter: both(["==", ["geometry-type"], "Polygon"], kinds),
    paint: { "fill-color": colour, "fill-opacity": opacity },
  });
  const line = (id: string, layer: string, kinds: string[] | null, colour: string, width: Zoomed | number, more: object = {}): Drawn => ({
    id,
    type: "line",
    source: "",
    "source-layer": layer,
    filter: both(["==", ["geometry-type"], "LineString"], kinds),
    layout: { "line-join": "round", "line-cap": "round" },
    paint: { "line-color": colour, "line-width": width, ...more },
  });
  const wood = ["wood", "forest", "trees"];
  const grass = ["grass", "grassland", "scrub", "meadow", "park", "farmland", "farm", "orchard", "vineyard", "cemetery", "golf_course", "nature_reserve", "national_park", "barren"];
  const built = ["residential", "commercial", "industrial", "retail", "suburb", "neighbourhood", "urban_area", "school", "hospital", "military", "aerodrome", "quarry"];
  const motorways = ["motorway", "trunk", "highway"];
  const mainRoads = ["primary", "secondary", "tertiary", "major_road", "medium_road"];
  const smallRoads = ["minor", "service", "minor_road", "street", "residential", "unclassified", "busway", "other"];
  const paths = ["path", "track", "footway", "pedestrian", "bridleway", "cycleway"];
  const wide = byZoom([6, 0.6], [10, 1.6], [14, 4], [18, 16]);
  const middle = byZoom([9, 0.5], [12, 1.4], [15, 4], [18, 13]);
  const narrow = byZoom([12, 0.4], [14, 1.2], [16, 3], [18, 9]);
  const thin = byZoom([13, 0.6], [18, 2.4]);
  const casing = (width: [number, number][]): Zoomed => byZoom(...width.map(([z, w]): [number, number] => [z, w + 2]));
  const roads = (layer: string): Drawn[] => [
    line(`${layer}-path`, layer, paths, colours.path, thin, { "line-dasharray": [2, 1.5] }),
    line(`${layer}-small-edge`, layer, smallRoads, colours.roadEdge, casing([[12, 0], [14, 1.2], [16, 3], [18, 9]]), { "line-opacity": 0.7 }),
    line(`${layer}-small`, layer, smallRoads, colours.smallRoad, narrow),
    line(`${layer}-main`, layer, mainRoads, colours.mainRoad, middle),
    line(`${layer}-motorway`, layer, motorways, colours.motorway, wide),
    line(`${layer}-rail`, layer, ["rail", "transit"], colours.rail, thin, { "line-dasharray": [4, 2] }),
  ];
  const buildings = (layer: string): Drawn[] => [
    { ...area(`${layer}-area`, layer, null, colours.building), minzoom: 13 },
    {
      id: `${layer}-edge`,
      type: "line",
      source: "",
      "source-layer": layer,
      minzoom: 15,
      paint: { "line-color": colours.buildingEdge, "line-width": 1 },
    },
  ];
  return [
    area("earth", "earth", null, colours.land),
    ...["landcover", "landuse"].flatMap((layer) => [
      area(`${layer}-built`, layer, built, colours.built),
      area(`${layer}-grass`, layer, grass, colours.grass),
      area(`${layer}-wood`, layer, wood, colours.wood),
    ]),
    area("park", "park", null, colours.grass, 0.6),
    area("water", "water", null, colours.water),
    line("waterway", "waterway", null, colours.water, byZoom([8, 0.5], [14, 2], [18, 6])),
    line("water-lines", "water", null, colours.water, byZoom([8, 0.5], [14, 2], [18, 6])),
    ...roads("transportation"),
    ...roads("roads"),
    ...buildings("building"),
    ...buildings("buildings"),
    line("boundary", "boundary", null, colours.border, 1, { "line-dasharray": [3, 2] }),
    line("boundaries", "boundaries", null, colours.border, 1, { "line-dasharray": [3, 2] }),
    names("road-names", "transportation_name", colours, 11, 14, "line"),
    names("road-names-2", "roads", colours, 11, 14, "line"),
    names("peaks", "mountain_peak", colours, 11, 10),
    names("places", "place", colours, byZoom([4, 11], [12, 15]), 2),
    names("places-2", "places", colours, byZoom([4, 11], [12, 15]), 2),
  ];
}

function names(id: string, layer: string, colours: Palette, size: number | Zoomed, minzoom: number, placement: "point" | "line" = "point"): Drawn {
  return {
    id,
    type: "symbol",
    source: "",
    "source-layer": layer,
    minzoom,
    filter: ["any", ["has", "name"], ["has", "name:latin"]],
    layout: {
      "text-field": ["coalesce", ["get", "name"], ["get", "name:latin"]],
      "text-size": size,
      "symbol-placement": placement,
      "text-max-width": 8,
    },
    paint: { "text-color": colours.dim, "text-halo-color": colours.halo, "text-halo-width": 1.5, "text-opacity": 1 },
  };
}

function both(shape: ExpressionSpecification, kinds: string[] | null): FilterSpecification {
  if (kinds === null) return shape;
  const said: ExpressionSpecification = ["coalesce", ["get", "class"], ["get", "kind"], ["get", "pmap:kind"], ""];
  return ["all", shape, ["in", said, ["literal", kinds]]];
}

/** The base map may be made fainter than what flies over it. */
function faded(layer: Drawn, by: number): Drawn {
  const name = ({ fill: "fill-opacity", line: "line-opacity", symbol: "text-opacity" } as const)[layer.type];
  const paint = (layer.paint ?? {}) as Record<string, unknown>;
  const own = typeof paint[name] === "number" ? paint[name] : 1;
  return { ...layer, paint: { ...paint, [name]: own * by } } as Drawn;
}
