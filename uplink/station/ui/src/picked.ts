// A place on the ground that somebody pointed at, and with what.

import type { ErrorEllipse, Position } from "./messages.ts";

export interface PickedPlace {
  readonly position: Position;
  /** Null where the place is exact: a point of the map, typed coordinates. */
  readonly ellipse: ErrorEllipse | null;
  readonly from: "map" | "live view" | "typed";
}
