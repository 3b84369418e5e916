// What the parts of the map share while it is open: its files, where the pointer is, what is followed, which tool
// is at work. Nothing here is remembered.

import type { LonLat } from "../messages.ts";
import { NO_FILES, type MapFiles } from "./map_files.ts";

export type Tool = "measure" | "layers" | "go to" | null;

class MapStage {
  files = $state.raw<MapFiles>(NO_FILES);
  /** Whether the station has told its files, or why not. */
  filesFailed = $state(false);
  /** Under the pointer; null while it is elsewhere. */
  pointer = $state.raw<LonLat | null>(null);
  centre = $state.raw<LonLat>([0, 0]);
  tool = $state<Tool>(null);
  /** The drone that the view goes with. */
  followed = $state<string | null>(null);
  /** Corners of what is measured. */
  measured = $state.raw<readonly LonLat[]>([]);

  use(tool: Tool): void {
    this.tool = this.tool === tool ? null : tool;
    if (this.tool !== "measure") this.measured = [];
  }
}

export const stage = new MapStage();
