// What the station has for the map to stand on (uplink/station/basemap/answers.py). A test compares.

export interface MapFile {
  name: string;
  title: string;
  kind: "pmtiles" | "mbtiles";
  tiles: "raster" | "vector";
  version: string;
  west_deg: number;
  south_deg: number;
  east_deg: number;
  north_deg: number;
  min_zoom: number;
  max_zoom: number;
  attribution: string;
  layers: string[];
}

export interface MapTerrain {
  version: string;
  west_deg: number;
  south_deg: number;
  east_deg: number;
  north_deg: number;
  min_zoom: number;
  max_zoom: number;
  lowest_m: number;
  highest_m: number;
}

export interface BrokenMapFile {
  name: string;
  reason: string;
}

export interface MapFiles {
  files: MapFile[];
  terrain: MapTerrain | null;
  broken: BrokenMapFile[];
}

export const NO_FILES: MapFiles = { files: [], terrain: null, broken: [] };
