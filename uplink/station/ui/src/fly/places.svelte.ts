// How the pilot's view shares out its room.

class Places {
  /** Dock and queue are out of sight, for as long as somebody wants to see more of the ground. */
  wide = $state(false);
  /** On a phone all of the telemetry, not only what a pilot looks at all the time and what is wrong. */
  telemetry = $state(false);
}

export const places = new Places();
