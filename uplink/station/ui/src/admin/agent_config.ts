// What of an agent's configuration has to do with its station. Pure.

/** TOML, as the agent reads it; the keys are in files beside it. */
export function agentLines(droneId: string, stationUrl: string): string {
  return [
    "[agent.drone]",
    `id = ${JSON.stringify(droneId)}`,
    "",
    "[agent.uplink]",
    `station_url = ${JSON.stringify(stationUrl)}`,
    'key_file = "drone.key"',
    'station_key_file = "station.pub"',
  ].join("\n");
}
